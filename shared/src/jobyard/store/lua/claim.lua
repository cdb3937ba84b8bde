-- claim: pops waiting jobs and makes them this worker's, in one step (closes W1, W2, W5, W16).
-- Only jobs whose status is `queued` are taken: ids left behind by a cancel are passed over, jobs
-- past their expiry end here, and records of a newer schema go back to the end of their queue.
-- A payload that is kept apart is brought in the place of the data.
-- The same nonce again (a lost reply) brings the same jobs and takes no other, also where it took
-- none; a smaller one than the last is a late copy that nobody listens to, and takes nothing. So a
-- limit of 0 closes a nonce. Queues are emptied in the order given, each with its lanes: <q>.high before
-- it, <q>.low after it. One that is paused, or has a key of a foreign type, is passed over.
-- KEYS none  ARGV prefix, worker, nonce, limit, n, n × queue
-- Returns 'gone' when the worker has no lease, else 'ok', now (ms), 1 when more waits,
-- records too new, queues passed over (comma list), then flat for each job:
-- id token queue data timeout attempts deliveries retry suspect meta enqueued_at created_at task
-- result_ttl uses-rq (1 where plain RQ code asked for what only RQ's handlers do) tenant failure_ttl
-- trace

local worker, nonce, limit = ARGV[2], ARGV[3], tonumber(ARGV[4])
local SCHEMA = 2 -- of records (2: the payload is kept apart); a higher one was written by a newer Jobyard
local LOOKS = 1000 -- ids that one call looks at, however many of them are to be passed over
local ENOUGH = 16 * 1024 * 1024 -- bytes of data after which one reply takes no more jobs
local WANTED = { 'status', 'data', 'timeout', 'attempts', 'deliveries', 'retry', 'suspect', 'meta',
  'enqueued_at', 'created_at', 'task', 'result_ttl', 'token', 'schema', 'expires_at',
  'payload_bytes', 'ties', 'tenant', 'failure_ttl', 'trace' }
local about, held = yard('worker', worker), yard('held', worker)
if not redis.call('ZSCORE', yard('lease'), worker) then return { 'gone' } end
expect('hash', about)
expect('hash', held)
expect('hash', yard('dead', 'unreadable'))

local function uses_rq(id)
  local asked = redis.call('HMGET', key('job', id), 'success_callback_name', 'failure_callback_name',
    'stopped_callback_name', 'webhooks', 'retries_left', 'repeats_left', 'rate_limit_key')
  for i = 1, #asked do
    if asked[i] and asked[i] ~= '' then return true end
  end
  return false
end

local claimed, homes = {}, {} -- ids and their queues; the nth has the nth token
local reply, broken = { 'ok', NOW, 0, 0, '' }, {}
local function token_of(number) return string.format('%s-%03d', nonce, number - 1) end
local function bring(id, token, queue, job)
  local at = #reply
  reply[at + 1], reply[at + 2], reply[at + 3] = id, token, queue
  for i = 2, 12 do reply[at + 2 + i] = job[i] or '' end
  reply[at + 15] = not job[11] and uses_rq(id) and '1' or ''
  reply[at + 16], reply[at + 17], reply[at + 18] = job[18] or '', job[19] or '', job[20] or ''
end

-- The first queue from an index on in which something waits, by halving: few commands for many queues.
local served, lists = {}, {}
local function serve(queue) served[#served + 1], lists[#lists + 1] = queue, key('queue', queue) end
local bases = {}
local outer = {} -- lists of the lanes beside the queues asked for; mostly none of them is there
for i = 6, 5 + tonumber(ARGV[5]) do
  bases[#bases + 1] = base_of(ARGV[i])
  outer[#outer + 1] = key('queue', ARGV[i] .. '.high')
  outer[#outer + 1] = key('queue', ARGV[i] .. '.low')
end
local in_lanes = #outer > 0 and redis.call('EXISTS', unpack(outer)) > 0
local paused = redis.pcall('SMISMEMBER', yard('paused'), unpack(bases))
for i = 6, 5 + tonumber(ARGV[5]) do
  if paused[i - 5] ~= 1 then
    if in_lanes then serve(ARGV[i] .. '.high') end
    serve(ARGV[i])
    if in_lanes then serve(ARGV[i] .. '.low') end
  end
end
local function any(first, last_one) return redis.call('EXISTS', unpack(lists, first, last_one)) > 0 end
local function next_waiting(first)
  local high = #lists
  if first > high or not any(first, high) then return nil end
  while first < high do
    local middle = math.floor((first + high) / 2)
    if any(first, middle) then high = middle else first = middle + 1 end
  end
  return first
end

local last = redis.call('HMGET', about, 'nonce', 'claimed')
if last[1] == nonce then
  local before = cjson.decode(last[2])
  reply[2] = before[1]
  if next_waiting(1) then reply[3] = 1 end
  for i, id in ipairs(before[2]) do
    local job, token = fields(id, unpack(WANTED)), token_of(i)
    if job and job[13] == token and job[1] == 'started' then
      if job[16] then job[2] = bring_apart('payload', id) end
      bring(id, token, before[3][i], job)
    end
  end
  return reply
end
if last[1] and nonce < last[1] then return reply end

-- A job that plain RQ code enqueued may carry a TTL, and is not in the index of stored jobs.
local function adopt(id, queue)
  redis.call('PERSIST', key('job', id))
  redis.call('ZADD', yard('jobs', queue), 'NX', string.format('%.0f', NOW_US + #claimed), id)
end

local function leave_alone(id, queue)
  later('RPUSH', key('queue', queue), id)
  reply[4] = reply[4] + 1
end

-- What has the form of a record of ours, and cannot be run, ends as a dead letter that says why.
local function refuse(id, queue, reason)
  quarantine(id, queue, reason)
  adopt(id, queue)
  local told = redis.pcall('XADD', key('results', id), 'MAXLEN', 10, '*', 'type', 2, 'worker_name', worker,
    'error', cjson.encode({ type = 'UnreadableRecord', message = reason }))
  FOREIGN[id] = told.err ~= nil
  finish(id, queue, 'failed', NOW)
end

local function take_large(id, queue)
  local job = fields(id, 'status', 'schema')
  if job == false then return quarantine(id, queue, 'the job is not a hash') end
  if (tonumber(job[2] or '') or 0) > SCHEMA then return leave_alone(id, queue) end
  if job[1] == 'queued' then return refuse(id, queue, 'the record is larger than ' .. MOST .. ' bytes') end
  pass_over(id, queue, job[1])
end

-- One that RQ's tools made to run again still had the TTL of its end.
local function keep_apart(id, queue)
  redis.call('PERSIST', yard('payload', id))
  redis.call('PERSIST', yard('result', id))
  redis.pcall('ZREM', yard('apart', queue), id)
end

local taken = 0 -- bytes
local function take(id, queue)
  if is_too_large(key('job', id)) then return take_large(id, queue) end
  local job = fields(id, unpack(WANTED))
  if job == false then return quarantine(id, queue, 'the job is not a hash') end
  if not job then return count(queue, 'vanished') end
  if job[14] and (tonumber(job[14]) or 0) > SCHEMA then return leave_alone(id, queue) end
  if job[1] ~= 'queued' then return pass_over(id, queue, job[1]) end
  if not job[2] then return refuse(id, queue, 'the job has no data') end
  if job[15] and (tonumber(job[15]) or NOW) < NOW then return finish(id, queue, 'expired', NOW, 'expired', '1') end
  if job[16] then
    local data, reason = bring_apart('payload', id)
    if not data then return refuse(id, queue, reason) end
    job[2] = data
    keep_apart(id, queue)
  end
  local number = #claimed + 1
  local token = token_of(number)
  job[5] = string.format('%d', (tonumber(job[5] or '') or 0) + 1)
  redis.call('HSET', key('job', id), 'status', 'started', 'token', token, 'worker_name', worker,
    'started_at', iso(NOW), 'deliveries', job[5])
  if not job[11] then adopt(id, queue) end
  if job[17] then has_started(id, job[17]) end
  later('HSET', held, id .. ':' .. token, queue)
  later('ZADD', key('wip', queue), math.floor(NOW / 1000) + 86400, id .. ':' .. token)
  event(queue, id, 'running')
  claimed[number], homes[number], taken = id, queue, taken + #job[2]
  bring(id, token, queue, job)
end

local function put_back(queue, ids, first)
  for at = #ids, first, -1 do redis.call('LPUSH', key('queue', queue), ids[at]) end
end

local looks = LOOKS
local function empty(queue)
  while #claimed < limit do
    local wanted = math.min(limit - #claimed, looks)
    local ids = wanted > 0 and redis.call('LPOP', key('queue', queue), wanted)
    if not ids then return end
    looks = looks - #ids
    for at, id in ipairs(ids) do
      if taken > ENOUGH then return put_back(queue, ids, at) end
      if string.match(id, '^[%w_-]+$') then take(id, queue)
      else quarantine(id, queue, 'the id is not one of RQ') end
    end
    if #ids < wanted then return end
  end
end

-- `rq suspend`: nobody takes anything, also no worker that was waiting when it was said.
local at = redis.call('EXISTS', key('suspended')) == 0 and next_waiting(1)
while at and #claimed < limit and looks > 0 and taken <= ENOUGH do
  if pcall(guard, served[at]) then empty(served[at]) else broken[#broken + 1] = served[at] end
  at = next_waiting(at + 1)
end
flush()
if (#claimed == limit or looks == 0 or taken > ENOUGH) and next_waiting(1) then reply[3] = 1 end
redis.call('HSET', about, 'nonce', nonce, 'claimed', cjson.encode({ NOW, claimed, homes }))
reply[5] = table.concat(broken, ',')
return reply
