-- cancel: a waiting or delayed job will not start, for certain; a running one is flagged and its
-- worker finds it in its mail (closes W16–W18).
-- KEYS none  ARGV prefix, tenant (whose jobs they must be; '' for anybody's), n × id
-- Returns n × (outcome status); outcome: canceled | canceling | ended | missing.

AFTER = tend_all

local tenant = ARGV[2]
local function cancel(id)
  local job = is_of(id, tenant) and fields(id, 'status', 'origin', 'worker_name', 'token', 'cancel')
  if not job or not job[1] then return 'missing', '' end
  local status, queue, worker, token = job[1], job[2] or 'default', job[3], job[4]
  if status == 'started' and worker and token then
    if job[5] == '1' then return 'canceling', status end
    redis.call('HSET', key('job', id), 'cancel', '1')
    redis.call('HSET', yard('mail', worker), id .. ':' .. token, 'cancel')
    event(queue, id, 'canceling')
    return 'canceling', status
  end
  if not WAITING[status] then return 'ended', status end
  withdraw(id, queue)
  return 'canceled', 'canceled'
end

for i = 3, #ARGV do
  local job = fields(ARGV[i], 'origin', 'worker_name')
  if job then
    guard_withdrawal(job[1] or 'default')
    if job[2] then expect('hash', yard('mail', job[2])) end
  end
end
local replies = {}
for i = 3, #ARGV do
  local outcome, status = cancel(ARGV[i])
  replies[#replies + 1] = outcome
  replies[#replies + 1] = status
end
flush()
return replies
