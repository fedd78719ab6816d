-- Partner keys, which requests were asked for under which, and what of a day's budget is used. Money moves by ledger_post alone.

create table partner (
  id text primary key,
  made_ms bigint not null,
  revoked_ms bigint,
  -- Whose credits pay for its visitors; null: nobody's.
  payer text,
  daily_micro bigint not null check (daily_micro >= 0 and (payer is not null or daily_micro = 0)),
  -- The rest of what the operator says of it, as JSON.
  body text not null
);

-- A request counts for the day on which it was first asked for, also where some of it comes back on another.
create table partner_request (
  request text primary key,
  partner text not null references partner (id),
  day integer not null,
  -- What was set aside for it out of the day's budget; 0 where nothing is paid.
  held_micro bigint not null default 0
);
create index partner_request_day on partner_request (partner, day);

-- Days of UTC since 1970. A budget is used by what was set aside, less what of that came back.
create table partner_day (
  partner text not null references partner (id),
  day integer not null,
  requests bigint not null default 0,
  held_micro bigint not null default 0,
  back_micro bigint not null default 0 check (back_micro between 0 and held_micro),
  primary key (partner, day)
);

-- Whoever gives the rest of a hold back, by its time, by the asker's word or by a judgement.
create function partner_back() returns trigger language plpgsql as $$
begin
  update partner_day set back_micro = back_micro + back.micro
  from (
    select partner_request.partner, partner_request.day, sum(added.micro) as micro
    from added
      join event on event.seq = added.event
      join partner_request on partner_request.request = event.body::jsonb ->> 'request' and partner_request.held_micro > 0
      join hold on hold.request = partner_request.request and hold.owner = added.owner
    where added.kind = 'user' and added.micro > 0 and event.type in ('settle', 'release', 'judge')
    group by partner_request.partner, partner_request.day
  ) as back
  where partner_day.partner = back.partner and partner_day.day = back.day;
  return null;
end $$;
create trigger posting_partner after insert on posting
  referencing new table as added for each statement execute function partner_back();

-- Counts a request once.
create function partner_count(request_id text, partner_id text, on_day integer) returns void language plpgsql as $$
begin
  insert into partner_request values (request_id, partner_id, on_day) on conflict do nothing;
  if not found then return; end if;
  insert into partner_day (partner, day, requests) values (partner_id, on_day, 1)
    on conflict (partner, day) do update set requests = partner_day.requests + 1;
end $$;

-- As credit_agree, out of what is left of the day: all of it or nothing.
create function partner_agree(
  partner_id text, on_day integer, hold_id text, hold_body text, at_ms bigint, treasury_floor bigint, micro_max bigint,
  tickets jsonb, out code text, out first_part integer
) language plpgsql as $$
declare
  e constant jsonb := hold_body::jsonb;
  micro constant bigint := (e ->> 'micro')::bigint;
  key partner;
  counted partner_request;
begin
  -- What the operator rules meanwhile holds for the next request.
  select * into key from partner where id = partner_id for share;
  if not found then code := 'partner-unknown'; return; end if;
  if key.revoked_ms is not null then code := 'partner-revoked'; return; end if;
  if key.payer is distinct from e ->> 'owner' then code := 'partner-budget'; return; end if;
  select * into code, first_part from credit_agree(hold_id, hold_body, at_ms, treasury_floor, micro_max, tickets);
  if code = 'credits-short' then code := 'partner-budget'; end if;
  if first_part is null then return; end if;
  perform partner_count(e ->> 'request', partner_id, on_day);
  select * into counted from partner_request where request = e ->> 'request' for update;
  if counted.partner <> partner_id then raise exception using errcode = 'WEFT1', message = 'posting-taken'; end if;
  -- More tickets for what was set aside already.
  if counted.held_micro > 0 then return; end if;
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
