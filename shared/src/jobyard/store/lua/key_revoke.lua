-- key_revoke: forgets a key, and with it every session of it. Of another tenant it is a missing one.
-- KEYS none  ARGV prefix, id, tenant ('*' for any), audit entry
-- Returns 1, or 0 when there is none.

local id, tenant = ARGV[2], ARGV[3]
expect('hash', yard('apikey', id))
expect('zset', yard('apikeys'))
guard_access()
guard_audit(4)
local found = redis.call('HMGET', yard('apikey', id), 'digest', 'tenant')
if not found[1] or (tenant ~= '*' and (found[2] or '') ~= tenant) then return 0 end
redis.call('DEL', yard('apikey', id))
redis.call('ZREM', yard('apikeys'), id)
changed()
note(4)
return 1
