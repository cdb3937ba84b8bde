-- claim: pops waiting jobs and makes them this worker's, in one step (closes W1, W2, W5, W16).
-- Only jobs whose status is `queued` are taken: ids left behind by a cancel are passed over.
-- The same nonce again (a lost reply) brings the same jobs. Queues are emptied in order.
-- KEYS none  ARGV prefix, worker, nonce, limit, n, n × queue
-- Returns 'gone' when the worker has no lease, else 'ok' and a list a job:
-- id token queue data timeout attempts deliveries retry suspect result_ttl meta enqueued_at

local worker, nonce, limit = ARGV[2], ARGV[3], tonumber(ARGV[4])
local WANTED = { 'data', 'timeout', 'attempts', 'deliveries', 'retry', 'suspect', 'result_ttl',
  'meta', 'enqueued_at', 'status', 'token', 'task' }
local about, held = yard('worker', worker), yard('held', worker)
if not redis.call('ZSCORE', yard('lease'), worker) then return { 'gone' } end
expect('hash', about)
expect('hash', held)
expect('hash', yard('dead', 'unreadable'))
for i = 6, 5 + tonumber(ARGV[5]) do guard(ARGV[i]) end

local reply = { 'ok' }
local function bring(id, token, queue, job)
  local row = { id, token, queue }
  for i = 1, 9 do row[#row + 1] = job[i] or '' end
  reply[#reply + 1] = row
end

local last = redis.call('HMGET', about, 'nonce', 'claimed')
if last[1] == nonce then
  for _, row in ipairs(cjson.decode(last[2])) do
    local job = fields(row[1], unpack(WANTED))
    if job and job[11] == row[2] and job[10] == 'started' then bring(row[1], row[2], row[3], job) end
  end
  return reply
end

-- A job that plain RQ code enqueued may carry a TTL, and is not in the index of stored jobs.
local claimed = {}
local function adopt(id, queue)
  redis.call('PERSIST', key('job', id))
  redis.call('ZADD', yard('jobs', queue), 'NX', string.format('%.0f', NOW_US + #claimed), id)
end

local function take(id, queue)
  if not string.match(id, '^[%w_-]+$') then return quarantine(id, queue, 'the id is not one of RQ') end
  local job = fields(id, unpack(WANTED))
  if job == false then return quarantine(id, queue, 'the job is not a hash') end
  if not job then return count(queue, 'vanished') end
  if job[10] ~= 'queued' then return pass_over(id, queue, job[10]) end
  if not job[1] then return quarantine(id, queue, 'the job has no data') end
  local token = string.format('%s-%03d', nonce, #claimed)
  job[4] = tostring((tonumber(job[4] or '') or 0) + 1)
  redis.call('HSET', key('job', id), 'status', 'started', 'token', token, 'worker_name', worker,
    'started_at', iso(NOW), 'deliveries', job[4])
  if not job[12] then adopt(id, queue) end
  later('HSET', held, id .. ':' .. token, queue)
  later('ZADD', key('wip', queue), math.floor(NOW / 1000) + 86400, id .. ':' .. token)
  event(queue, id, 'running')
  claimed[#claimed + 1] = { id, token, queue }
  bring(id, token, queue, job)
end

for i = 6, 5 + tonumber(ARGV[5]) do
  while #claimed < limit do
    local ids = redis.call('LPOP', key('queue', ARGV[i]), limit - #claimed)
    if not ids or #ids == 0 then break end
    for _, id in ipairs(ids) do take(id, ARGV[i]) end
  end
end
flush()
if #claimed > 0 then
  redis.call('HSET', about, 'nonce', nonce, 'claimed', cjson.encode(claimed))
end
return reply
