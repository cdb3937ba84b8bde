-- session_open: somebody signed in with a key.
-- KEYS none  ARGV prefix, digest of the session's secret, ms it lasts, key id, digest of the key, audit entry
-- Returns 1.

local name = yard('session', ARGV[2])
expect('hash', name)
guard_audit(6)
if was_noted(6) then return 1 end
redis.call('HSET', name, 'key', ARGV[4], 'digest', ARGV[5])
redis.call('PEXPIRE', name, ARGV[3])
note(6)
return 1
