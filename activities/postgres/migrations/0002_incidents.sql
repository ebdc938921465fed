-- Incidents: how leaked values are recognized among all versions that the ledger ever knew.
-- Up Migration

-- What a report of leaked values is compared with, so that it need not be kept in clear: `handle` of the type Secret, of a key id.
-- Where the id is the secret the ledger keeps nothing else. An id of a few characters (SOAR counts its keys) could be any number: null.
create function key_id_handle(key_id text) returns text language sql immutable parallel safe as $$
  select case when key_id ~ '^[0-9a-f]{64}$' then key_id
              when length(key_id) >= 8 then encode(sha256(convert_to('rekey:id:v1:' || key_id, 'UTF8')), 'hex') end
$$;
-- Kept, so that no question has to hash every id that there ever was.
alter table versions add column key_id_handle text generated always as (key_id_handle(key_id)) stored;
create index versions_key_id_handle on versions (key_id_handle);

-- Every version, the dead ones too, by what it can be recognized by. Without a digest its secret was never seen. In place a key keeps its id:
-- it speaks of the newest version alone.
create view known_keys as
select v.credential, v.generation, c.store, v.state, v.digest, v.key_id, v.key_id_handle,
       exists (select 1 from versions l where l.credential = v.credential and l.generation > v.generation
         and l.account = v.account and l.key_id = v.key_id) as id_goes_on
from versions v join credentials c on c.name = v.credential;
