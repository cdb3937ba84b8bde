-- session_read: a session, its key and the quotas of the key's tenant. Changes nothing.
-- KEYS none  ARGV prefix, digest of the session's secret
-- Returns '' when there is none, else key id, digest of the key, ms it lasts, the key as key_read has it.

local name = yard('session', ARGV[2])
if redis.call('TYPE', name).ok ~= 'hash' then return '' end
local id, digest = unpack(redis.call('HMGET', name, 'key', 'digest'))
return { id or '', digest or '', redis.call('PTTL', name), known_key(id or '') or '' }
