-- journal: the last lines of a named journal, newest first. Changes nothing.
-- KEYS none  ARGV prefix, name (of a tenant's: tenant:name), limit
-- Returns n × line.

local replies = {}
for _, row in ipairs(redis.call('XREVRANGE', yard('journal', ARGV[2]), '+', '-', 'COUNT', ARGV[3])) do
  replies[#replies + 1] = row[2][4]
end
return replies
