-- When the rest of a hold goes back by its asker's word, looked at and done in one step. A ticket that began keeps its hold until its
-- receipt is there, whoever has said that it began: its worker, or the asker that names the parts it has used.

-- Words that came after the hold had ended said nothing.
update ticket set began = false from hold
  where hold.request = ticket.request and hold.ended and began
    and not exists (select from receipt where receipt.ticket = ticket.id);

-- Every ticket without a receipt is one that nobody has spoken for, and had its time since the asker's word.
create function credit_owes_nothing(request_id text, said_ms bigint, before_ms bigint) returns boolean
language sql stable as $$
  select not exists (
    select from ticket where ticket.request = request_id and (began or said_ms > before_ms)
      and not exists (select from receipt where receipt.ticket = ticket.id)
  )
$$;

-- Tickets first and then the hold, as credit_settle does: two never wait for each other in a circle.
create function credit_began(ticket_id text) returns void language plpgsql as $$
declare
  request_id text;
begin
  select request into request_id from ticket where id = ticket_id and not began for update;
  perform from hold where request = request_id and not ended for share;
  if found then update ticket set began = true where id = ticket_id; end if;
end $$;

-- The asker wants nothing more of it, and has used these parts. Said again, with others: they count too.
create function credit_over(request_id text, owners jsonb, parts jsonb, at_ms bigint) returns void language plpgsql as $$
declare
  used integer[] := array(select value::integer from jsonb_array_elements_text(parts) as part (value));
begin
  perform from ticket where request = request_id and part = any (used) and not began order by part for update;
  perform from hold where request = request_id and not ended and owners ? owner for share;
  if not found then return; end if;
  update ticket set began = true where request = request_id and part = any (used) and not began;
  insert into request_over (request, at_ms) values (request_id, credit_over.at_ms) on conflict do nothing;
end $$;

-- What is left of it, where it owes nothing: 'hold-live' where it does, else as ledger_post.
create function credit_release(
  request_id text, before_ms bigint, event_id text, at_ms bigint, said text, treasury_floor bigint, micro_max bigint
) returns text language plpgsql as $$
declare
  said_ms bigint;
begin
  perform from hold where request = request_id for update;
  select request_over.at_ms into said_ms from request_over where request = request_id;
  if said_ms is null or not credit_owes_nothing(request_id, said_ms, before_ms) then return 'hold-live'; end if;
  return ledger_post(event_id, at_ms, said, treasury_floor, micro_max);
end $$;
