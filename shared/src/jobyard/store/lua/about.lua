-- about: whose jobs are these, of which task, and with which tags. Changes nothing.
-- KEYS none  ARGV prefix, n × id
-- Returns n × (task tenant tags) or '' for what is not there.

local replies = {}
for i = 2, #ARGV do
  local job = fields(ARGV[i], 'task', 'tenant', 'tags')
  replies[#replies + 1] = job and { job[1] or '', job[2] or '', job[3] or '' } or ''
end
return replies
