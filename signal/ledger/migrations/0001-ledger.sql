-- The ledger: events, their postings, and what follows from them. Events and postings are only ever added. What an event comes
-- to is decided by ledger_post, which says the same as web/rules/ledger.ts; the constraints hold whoever writes.

create table event (
  seq bigint generated always as identity primary key,
  -- The business id: the same thing never happens twice.
  id text not null unique,
  type text not null check (type in ('grant', 'lapse', 'hold', 'settle', 'release', 'dispute', 'judge', 'vest')),
  at_ms bigint not null,
  -- Without its time, as the rules write it.
  body text not null
);

create table posting (
  seq bigint generated always as identity primary key,
  event bigint not null references event (seq),
  kind text not null check (kind in ('user', 'hold', 'escrow', 'dispute', 'treasury', 'burn')),
  owner text not null check ((owner = '') = (kind in ('treasury', 'burn'))),
  micro bigint not null check (micro <> 0),
  unique (event, kind, owner)
);
create index posting_owner on posting (owner, seq) where owner <> '';

-- Projected from postings: one row an owner, locked by what moves its credits.
create table balance (
  owner text primary key,
  user_micro bigint not null default 0 check (user_micro >= 0),
  hold_micro bigint not null default 0 check (hold_micro >= 0),
  escrow_micro bigint not null default 0 check (escrow_micro >= 0),
  dispute_micro bigint not null default 0 check (dispute_micro >= 0)
);

-- One row. What is burned is a sum of postings: a row that every settlement changes would make them wait for each other.
create table treasury (
  one boolean primary key default true check (one),
  micro bigint not null default 0 check (micro <= 0)
);
insert into treasury default values;

create table grant_given (
  device text primary key,
  owner text not null,
  until_ms bigint not null,
  left_micro bigint not null check (left_micro >= 0)
);
create index grant_live on grant_given (owner, until_ms, device) where left_micro > 0;

create table hold (
  request text primary key,
  owner text not null,
  until_ms bigint not null,
  left_micro bigint not null check (left_micro >= 0),
  ended boolean not null default false check (left_micro = 0 or not ended)
);
create index hold_open on hold (until_ms) where not ended;

create table settlement (
  request text not null references hold (request),
  part integer not null,
  worker text not null,
  micro bigint not null check (micro >= 0),
  vest_ms bigint not null,
  vested boolean not null default false,
  primary key (request, part)
);
create index settlement_escrow on settlement (vest_ms) where not vested and micro > 0;

create table dispute (
  request text not null references hold (request),
  part integer not null,
  worker text not null,
  owner text not null,
  micro bigint not null check (micro > 0),
  ended boolean not null default false,
  primary key (request, part)
);

create function ledger_only_added() returns trigger language plpgsql as $$
begin
  raise exception 'The ledger is only ever added to; a repair is a posting of its own.' using errcode = 'restrict_violation';
end $$;
create trigger event_only_added before update or delete or truncate on event
  for each statement execute function ledger_only_added();
create trigger posting_only_added before update or delete or truncate on posting
  for each statement execute function ledger_only_added();

-- Postings of an event come in one statement, sum to zero, and change the balances with it.
create function ledger_project() returns trigger language plpgsql as $$
begin
  if exists (select from added group by event having sum(micro) <> 0 or count(*) < 2) then
    raise exception 'The postings of an event sum to zero.' using errcode = 'check_violation';
  end if;
  if exists (select from added join posting using (event) where posting.seq < (select min(seq) from added)) then
    raise exception 'An event has all its postings at once.' using errcode = 'check_violation';
  end if;
  update balance set
    user_micro = user_micro + change.in_user,
    hold_micro = hold_micro + change.in_hold,
    escrow_micro = escrow_micro + change.in_escrow,
    dispute_micro = dispute_micro + change.in_dispute
  from (
    select owner,
      coalesce(sum(micro) filter (where kind = 'user'), 0) as in_user,
      coalesce(sum(micro) filter (where kind = 'hold'), 0) as in_hold,
      coalesce(sum(micro) filter (where kind = 'escrow'), 0) as in_escrow,
      coalesce(sum(micro) filter (where kind = 'dispute'), 0) as in_dispute
    from added where owner <> '' group by owner
  ) as change
  where balance.owner = change.owner;
  update treasury set micro = treasury.micro + change.micro
  from (select sum(micro) as micro from added where kind = 'treasury') as change
  where change.micro is not null;
  return null;
end $$;
create trigger posting_projected after insert on posting referencing new table as added
  for each statement execute function ledger_project();

-- Rows of these owners, made where missing, always in the same order: two events never wait for each other in a circle.
create function ledger_lock(variadic owners text[]) returns void language plpgsql as $$
begin
  insert into balance (owner) select distinct one from unnest(owners) as one order by one on conflict do nothing;
  perform from balance where owner = any (owners) order by owner for update;
end $$;

create type ledger_line as (kind text, owner text, micro bigint);

create function ledger_write(event_id text, type text, at_ms bigint, body text, lines ledger_line[]) returns text
language plpgsql as $$
declare
  number bigint;
begin
  insert into event (id, type, at_ms, body) values (event_id, type, at_ms, body) returning seq into number;
  insert into posting (event, kind, owner, micro)
    select number, line.kind, line.owner, line.micro from unnest(lines) as line where line.micro <> 0;
  return 'ok';
end $$;

-- What was given is spent before what was earned, and that first which is lost soonest.
create function ledger_spend(spender text, spent bigint) returns void language plpgsql as $$
declare
  rest bigint := spent;
  one record;
begin
  for one in select device, left_micro from grant_given where owner = spender and left_micro > 0 order by until_ms, device
  loop
    exit when rest = 0;
    update grant_given set left_micro = left_micro - least(one.left_micro, rest) where device = one.device;
    rest := rest - least(one.left_micro, rest);
  end loop;
end $$;

-- Null where it is new, else 'again' or 'posting-taken'. Asked for once the rows are locked that the event changes.
create function ledger_known(event_id text, said text) returns text language sql stable as $$
  select case when body = said then 'again' else 'posting-taken' end from event where id = event_id
$$;

-- One event: 'ok', 'again', or why it may not be; a refused one changes nothing. The amounts are checked to fit before.
create function ledger_post(event_id text, at_ms bigint, said text, treasury_floor bigint, micro_max bigint) returns text
language plpgsql as $$
declare
  e constant jsonb := said::jsonb;
  type constant text := e ->> 'type';
  micro constant bigint := coalesce(e ->> 'micro', e ->> 'workerMicro')::bigint;
  burned constant bigint := coalesce(e ->> 'burnMicro', '0')::bigint;
  request_id constant text := e ->> 'request';
  part_number constant integer := (e ->> 'part')::integer;
  worker_id constant text := e ->> 'worker';
  known text;
  given grant_given;
  held hold;
  settled settlement;
  disputed dispute;
  rest bigint := 0;
begin
  -- The rows of this one request or device first, then owners: in this order everywhere.
  if type = 'grant' then
    perform from treasury for update;
    perform ledger_lock(e ->> 'owner');
  elsif type = 'lapse' then
    perform from treasury for update;
    -- Whose it is never changes; what is left of it does, under the owner's lock.
    select * into given from grant_given where device = e ->> 'device';
    if found then perform ledger_lock(given.owner); end if;
    select * into given from grant_given where device = e ->> 'device';
  elsif type = 'hold' then
    perform ledger_lock(e ->> 'owner');
  elsif type in ('settle', 'release', 'dispute') then
    select * into held from hold where request = request_id for update;
    if found then
      if type = 'settle' then perform ledger_lock(held.owner, worker_id); else perform ledger_lock(held.owner); end if;
    end if;
  elsif type = 'judge' then
    select * into disputed from dispute where request = request_id and part = part_number for update;
    if found then perform ledger_lock(disputed.owner, disputed.worker); end if;
  elsif type = 'vest' then
    select * into settled from settlement where request = request_id and part = part_number for update;
    if found then perform ledger_lock(settled.worker); end if;
  end if;

  known := ledger_known(event_id, said);
  if known is not null then return known; end if;

  if type = 'grant' then
    if micro <= 0 or micro > micro_max then return 'amount-invalid'; end if;
    if (select treasury.micro from treasury) - micro < treasury_floor then return 'treasury-empty'; end if;
    insert into grant_given values (e ->> 'device', e ->> 'owner', at_ms + (e ->> 'forMs')::bigint, micro);
    return ledger_write(event_id, type, at_ms, said, array[
      ('treasury', '', -micro), ('user', e ->> 'owner', micro)]::ledger_line[]);
  end if;

  if type = 'lapse' then
    if given.device is null then return 'grant-unknown'; end if;
    if at_ms < given.until_ms then return 'grant-live'; end if;
    select least(given.left_micro, user_micro) into rest from balance where owner = given.owner;
    if rest = 0 then return 'nothing-due'; end if;
    update grant_given set left_micro = left_micro - rest where device = given.device;
    return ledger_write(event_id, type, at_ms, said, array[
      ('user', given.owner, -rest), ('treasury', '', rest)]::ledger_line[]);
  end if;

  if type = 'hold' then
    if micro <= 0 or micro > micro_max then return 'amount-invalid'; end if;
    if (select user_micro from balance where owner = e ->> 'owner') < micro then return 'credits-short'; end if;
    insert into hold values (request_id, e ->> 'owner', at_ms + (e ->> 'forMs')::bigint, micro);
    return ledger_write(event_id, type, at_ms, said, array[
      ('user', e ->> 'owner', -micro), ('hold', e ->> 'owner', micro)]::ledger_line[]);
  end if;

  if type in ('settle', 'dispute') then
    if micro <= 0 or micro > micro_max or burned < 0 or burned > micro then return 'amount-invalid'; end if;
    if held.request is null then return 'hold-unknown'; end if;
    if held.ended then return 'hold-ended'; end if;
    if held.owner = worker_id then return 'self-dealing'; end if;
    if micro > held.left_micro then return 'hold-short'; end if;
    if type = 'dispute' then
      update hold set left_micro = left_micro - micro, ended = left_micro = micro where request = request_id;
      insert into dispute values (request_id, part_number, worker_id, held.owner, micro);
      return ledger_write(event_id, type, at_ms, said, array[
        ('hold', held.owner, -micro), ('dispute', held.owner, micro)]::ledger_line[]);
    end if;
    if (e ->> 'final')::boolean then rest := held.left_micro - micro; end if;
    update hold set left_micro = left_micro - micro - rest, ended = left_micro = micro + rest where request = request_id;
    perform ledger_spend(held.owner, micro);
    insert into settlement values (request_id, part_number, worker_id, micro - burned, at_ms + (e ->> 'escrowMs')::bigint);
    return ledger_write(event_id, type, at_ms, said, array[
      ('hold', held.owner, -micro - rest), ('escrow', worker_id, micro - burned),
      ('burn', '', burned), ('user', held.owner, rest)]::ledger_line[]);
  end if;

  if type = 'release' then
    if held.request is null then return 'hold-unknown'; end if;
    if held.ended then return 'hold-ended'; end if;
    if (e ->> 'expired')::boolean and at_ms < held.until_ms then return 'hold-live'; end if;
    update hold set left_micro = 0, ended = true where request = request_id;
    return ledger_write(event_id, type, at_ms, said, array[
      ('hold', held.owner, -held.left_micro), ('user', held.owner, held.left_micro)]::ledger_line[]);
  end if;

  if type = 'judge' then
    if disputed.request is null then return 'dispute-unknown'; end if;
    if micro < 0 or micro > disputed.micro or burned < 0 or burned > micro then return 'amount-invalid'; end if;
    update dispute set ended = true where request = request_id and part = part_number;
    perform ledger_spend(disputed.owner, micro);
    return ledger_write(event_id, type, at_ms, said, array[
      ('dispute', disputed.owner, -disputed.micro), ('user', disputed.worker, micro - burned),
      ('burn', '', burned), ('user', disputed.owner, disputed.micro - micro)]::ledger_line[]);
  end if;

  if type = 'vest' then
    if settled.request is null then return 'settlement-unknown'; end if;
    if at_ms < settled.vest_ms then return 'escrow-live'; end if;
    if settled.micro = 0 then return 'nothing-due'; end if;
    update settlement set vested = true where request = request_id and part = part_number;
    return ledger_write(event_id, type, at_ms, said, array[
      ('escrow', settled.worker, -settled.micro), ('user', settled.worker, settled.micro)]::ledger_line[]);
  end if;

  raise exception 'No event is called %.', type;
end $$;
