-- Paid tickets, what became of their requests, and the receipts of the work. Money moves by ledger_post alone.

create table ticket (
  id text primary key,
  request text not null references hold (request),
  part integer not null,
  asker_owner text not null,
  worker_owner text not null,
  -- As it was signed, without its part.
  claims text not null,
  issued_ms bigint not null,
  -- The worker has let it in.
  began boolean not null default false,
  unique (request, part)
);

-- Its asker wants nothing more of it.
create table request_over (
  request text primary key references hold (request),
  at_ms bigint not null
);
create index request_over_at on request_over (at_ms);

-- A ticket has one with both signatures, or one with the worker's alone, which the other may follow.
create table receipt (
  ticket text not null references ticket (id),
  signed boolean not null,
  body text not null,
  worker_signature text not null,
  asker_signature text check ((asker_signature is not null) = signed),
  acknowledged text,
  at_ms bigint not null,
  primary key (ticket, signed)
);

create trigger receipt_only_added before update or delete or truncate on receipt
  for each statement execute function ledger_only_added();

-- Sets the worst case aside, unless it is already, and keeps the tickets. The code, and the part of the first of them.
create function credit_agree(
  hold_id text, hold_body text, at_ms bigint, treasury_floor bigint, micro_max bigint, tickets jsonb,
  out code text, out first_part integer
) language plpgsql as $$
declare
  e constant jsonb := hold_body::jsonb;
  held hold;
begin
  code := 'ok';
  select * into held from hold where request = e ->> 'request' for update;
  if not found then
    code := ledger_post(hold_id, at_ms, hold_body, treasury_floor, micro_max);
    if code not in ('ok', 'again') then return; end if;
  elsif held.owner <> e ->> 'owner' then code := 'posting-taken'; return;
  elsif held.ended then code := 'hold-ended'; return;
  end if;
  select coalesce(max(part) + 1, 0) into first_part from ticket where request = e ->> 'request';
  insert into ticket (id, request, part, asker_owner, worker_owner, claims, issued_ms)
    select one ->> 'id', e ->> 'request', first_part + (number - 1)::integer, e ->> 'owner', one ->> 'owner', one ->> 'claims', at_ms
    from jsonb_array_elements(tickets) with ordinality as ticket (one, number);
  delete from request_over where request = e ->> 'request';
end $$;

-- One receipt and what it comes to: paid, disputed, or both; a judge once the second signature has come. All of it or nothing:
-- 'ok', 'again' where this very receipt was taken before, or why it may not be.
create function credit_settle(
  ticket_id text, said text, by_worker text, by_asker text, acknowledged_body text, at_ms bigint,
  treasury_floor bigint, micro_max bigint, events jsonb
) returns text language plpgsql as $$
declare
  known receipt;
  one jsonb;
  result text;
begin
  -- Two copies of one receipt come one after the other.
  perform from ticket where id = ticket_id for update;
  select * into known from receipt where ticket = ticket_id order by signed desc limit 1;
  if found then
    if known.body <> said then return 'posting-taken'; end if;
    if known.signed or by_asker is null then return 'again'; end if;
  end if;
  for one in select * from jsonb_array_elements(events) loop
    result := ledger_post(one ->> 'id', at_ms, one ->> 'body', treasury_floor, micro_max);
    if result not in ('ok', 'again') then
      raise exception using errcode = 'WEFT1', message = result;
    end if;
  end loop;
  insert into receipt values (ticket_id, by_asker is not null, said, by_worker, by_asker, acknowledged_body, at_ms);
  update ticket set began = true where id = ticket_id and not began;
  return 'ok';
end $$;
