-- The store. Version 3. A change here is a new version: stores of another version are refused.

create table meta (key varchar primary key, value varchar not null);
insert into meta values ('schema_version', '3');

create type segment as enum (
    'system', 'tools', 'context', 'history', 'query', 'unattributed', 'output', 'reasoning');
create type role as enum ('system', 'user', 'assistant', 'tool', 'none');
create type kind as enum (
    'text', 'tool_schema', 'tool_call', 'tool_result', 'document', 'thinking', 'image', 'hidden');
create type billing_class as enum (
    'cache_read', 'cache_write_1h', 'cache_write_12h', 'cache_write_5m', 'cache_write_30m', 'fresh',
    'output');
create type rule as enum ('usage', 'structure', 'turn', 'marker', 'learned', 'user');
create type cache_mark as enum ('', '5m', '1h');

-- One row a file, with how far it has been read. `consumed` bytes need not be read again: for files
-- of lines that only grow; `fingerprint` is of these bytes, `beginning` of the first line; `origin` is
-- the source that these records were first seen in, so that a copy of a file is known as one.
create table sources (
    source_no integer primary key,
    path varchar not null,
    reader varchar not null,
    size bigint not null,
    modified bigint not null,
    consumed bigint not null,
    fingerprint varchar not null,
    beginning varchar not null,
    origin integer not null,
    lines bigint not null
);

-- One row a call, without its text; source_no and byte_offset tell where the text can be read again.
create table calls (
    call_no bigint not null,
    identity blob not null,
    revision bigint not null,
    call_id varchar not null,
    source_no integer not null,
    byte_offset bigint not null,
    line bigint not null,
    session varchar,
    trace varchar,
    task varchar,
    sent_at timestamp,
    latency_us bigint,
    provider varchar not null,
    channel varchar not null,
    region varchar,
    model varchar not null,
    tier varchar not null,
    status varchar not null,
    finish_reason varchar,
    feature varchar,
    team varchar,
    user_id varchar,
    tenant varchar,
    template varchar,
    template_version varchar,
    tags varchar,
    temperature double,
    request_hash ubigint not null,
    params_hash ubigint not null,
    traits usmallint not null,
    estimated boolean not null,
    fresh bigint not null,
    cache_read bigint not null,
    cache_write_5m bigint not null,
    cache_write_30m bigint not null,
    cache_write_1h bigint not null,
    cache_write_12h bigint not null,
    output bigint not null,
    reasoning bigint not null,
    reported_pd decimal(38, 0),
    units varchar,
    ambiguous boolean not null,
    retry_of varchar
);

-- Records that could not become calls, with the reason: so many of a reading one by one, and the rest
-- of them in one row more (`records`), at the line of the last one kept.
create table skips (
    source_no integer not null,
    line bigint not null,
    reason varchar not null,
    records bigint not null
);

-- Records that told of a call again which another record had told of, so that it is not counted twice.
create table duplicates (source_no integer not null, line bigint not null);

-- A row for each (call, block, billing class), in prompt order, reply last. Where a block is told apart by
-- what traffic teaches, a row for each stretch of it (`nth`), too.
create table parts (
    call_no bigint not null,
    seq integer not null,
    segment segment not null,
    role role not null,
    kind kind not null,
    billing_class billing_class not null,
    rule rule not null,
    turn integer not null,
    tokens bigint not null,
    content ubigint not null,
    prefix ubigint not null,
    breakpoint cache_mark not null,
    nth smallint not null default 0
);

-- What is known of each different text of a block: tokens as the vocabulary counts them.
create table texts (content ubigint not null, counted bigint not null);

-- The spans (lines and sentences) of texts that nothing marks, in order: what recurs in other texts has
-- the same `span`. `opens`: what begins with it (0 a sentence, 1 a line, 2 a paragraph).
create table spans (
    content ubigint not null,
    nth smallint not null,
    span ubigint not null,
    tokens integer not null,
    opens tinyint not null,
    asks boolean not null
);

-- What billing adds to text, fitted by provider and model on `calls` of them (see `attribute.fit`): JSON, null where
-- nothing was, and how far bills are from estimates by call (a share) with it and with the defaults.
create table fits (
    provider varchar not null,
    model varchar not null,
    calls bigint not null,
    coefficients varchar,
    error_median double not null,
    error_p90 double not null,
    default_median double not null,
    default_p90 double not null,
    primary key (provider, model)
);
