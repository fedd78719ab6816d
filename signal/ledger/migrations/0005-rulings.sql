-- What the operator has ruled: who may not come in, and what everybody is told. A row stays when it is lifted or over. Here and not
-- in a file: several servers of one database go by the same.

create table sanction (
  id text primary key,
  -- The key of a device, or of an account.
  subject text not null,
  reason text not null,
  made_ms bigint not null,
  -- Null: for good.
  until_ms bigint,
  lifted_ms bigint
);
create index sanction_in_force on sanction (subject) where lifted_ms is null;

create table announcement (
  id text primary key,
  level text not null,
  text text not null,
  made_ms bigint not null,
  until_ms bigint not null,
  ended_ms bigint
);
