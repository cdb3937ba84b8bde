-- session_close: somebody signed out.
-- KEYS none  ARGV prefix, digest of the session's secret, audit entry
-- Returns 1, or 0 when there was none.

local name = yard('session', ARGV[2])
expect('hash', name)
guard_access()
guard_audit(3)
if redis.call('DEL', name) == 0 then return 0 end
changed()
note(3)
return 1
