-- log_level_set: how much a service logs for some time; without a level it logs as it is configured.
-- KEYS none  ARGV prefix, service, level or '', seconds, audit entry
-- Returns 1.

local place, ENTRY = yard('loglevel', ARGV[2]), 5
expect('string', place)
guard_audit(ENTRY)
if was_noted(ENTRY) then return 1 end
if ARGV[3] == '' then redis.call('DEL', place) else redis.call('SET', place, ARGV[3], 'EX', ARGV[4]) end
note(ENTRY)
return 1
