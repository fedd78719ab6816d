-- A request that is planned again is compared with what was set aside for it at first: no ticket is given out for more.

create or replace function credit_agree(
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
  -- What of it was paid out since is no matter: tabs that take over share one hold.
  elsif (e ->> 'micro')::bigint > (select (body::jsonb ->> 'micro')::bigint from event where id = hold_id) then
    code := 'hold-short';
    return;
  end if;
  select coalesce(max(part) + 1, 0) into first_part from ticket where request = e ->> 'request';
  insert into ticket (id, request, part, asker_owner, worker_owner, claims, issued_ms)
    select one ->> 'id', e ->> 'request', first_part + (number - 1)::integer, e ->> 'owner', one ->> 'owner', one ->> 'claims', at_ms
    from jsonb_array_elements(tickets) with ordinality as ticket (one, number);
  delete from request_over where request = e ->> 'request';
end $$;

-- As credit_agree, out of what is left of the day: all of it or nothing.
create or replace function partner_agree(
  partner_id text, on_day integer, hold_id text, hold_body text, at_ms bigint, treasury_floor bigint, micro_max bigint,
  tickets jsonb, out code text, out first_part integer
) language plpgsql as $$
declare
  e constant jsonb := hold_body::jsonb;
  micro constant bigint := (e ->> 'micro')::bigint;
  key partner;
  counted partner_request;
  was_held boolean;
begin
  -- What the operator rules meanwhile holds for the next request.
  select * into key from partner where id = partner_id for share;
  if not found then code := 'partner-unknown'; return; end if;
  if key.revoked_ms is not null then code := 'partner-revoked'; return; end if;
  if key.payer is distinct from e ->> 'owner' then code := 'partner-budget'; return; end if;
  was_held := exists (select from hold where request = e ->> 'request');
  select * into code, first_part from credit_agree(hold_id, hold_body, at_ms, treasury_floor, micro_max, tickets);
  if code = 'credits-short' then code := 'partner-budget'; end if;
  if first_part is null then return; end if;
  perform partner_count(e ->> 'request', partner_id, on_day);
  select * into counted from partner_request where request = e ->> 'request' for update;
  if counted.partner <> partner_id then raise exception using errcode = 'WEFT1', message = 'posting-taken'; end if;
  -- More tickets for what was set aside already, which is no less.
  if counted.held_micro > 0 then return; end if;
  -- The payer's own request is none of its visitors'.
  if was_held then raise exception using errcode = 'WEFT1', message = 'posting-taken'; end if;
  -- What a day has left over is no other day's, also for a request that was free then.
  if counted.day <> on_day then raise exception using errcode = 'WEFT1', message = 'partner-budget'; end if;
  update partner_request set held_micro = micro where request = e ->> 'request';
  -- The row is held from here on: two requests at once do not both get what is left for one.
  update partner_day set held_micro = held_micro + micro
    where partner = partner_id and day = counted.day and held_micro - back_micro + micro <= key.daily_micro;
  if not found then raise exception using errcode = 'WEFT1', message = 'partner-budget'; end if;
exception when sqlstate 'WEFT1' then
  code := sqlerrm;
  first_part := null;
end $$;
