-- trim: what jobs of a queue that ended take, and where that is more than the queue's budget: forgets
-- some until it is not. First those that succeeded, then those that were canceled, then dead letters,
-- which people may still need; of each kind those whose TTL ends first. Of equal TTLs that is the
-- oldest first, and what was asked to be kept for longer is. Jobs that have not ended are not counted.
-- KEYS none  ARGV prefix, queue, budget (bytes, 0 = only measure), limit (jobs forgotten in one call)
-- Returns bytes taken afterwards, jobs forgotten: succeeded, canceled, failed; 1 when more are to go.

local queue, budget, limit = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local KINDS = { 'finished', 'canceled', 'failed' }
local ENDS = { finished = true, canceled = true, failed = true, stopped = true }
local SAMPLES = 100 -- jobs of each kind: what is in their hashes varies little, as the rest is apart
local EXACTLY = 1000 -- up to so many jobs with something apart are added up; of more, so many
local INDEXED = 260 -- bytes of a job's places in a registry and in the list of all jobs of the queue
local UNKNOWN = 1024 -- bytes of a key whose size the server does not let us ask for
guard(queue)

local function size_of(name)
  local size = redis.pcall('MEMORY', 'USAGE', name)
  if type(size) == 'number' then return size end
  return size and UNKNOWN or 0 -- false: there is no such key
end
local function bytes_of(id) return INDEXED + size_of(key('job', id)) + size_of(key('results', id)) end

local MEAN = {} -- kind → bytes a job, without what is apart
local function estimate(kind)
  local jobs = redis.call('ZCARD', key(kind, queue))
  if jobs == 0 then return 0 end
  local ids, bytes = redis.call('ZRANDMEMBER', key(kind, queue), SAMPLES), 0
  for _, id in ipairs(ids) do bytes = bytes + bytes_of(id) end
  MEAN[kind] = bytes / #ids
  return MEAN[kind] * jobs
end

local function estimate_apart()
  local jobs = redis.pcall('ZCARD', yard('apart', queue))
  if type(jobs) ~= 'number' or jobs == 0 then return 0 end
  local rows, bytes = redis.call('ZRANDMEMBER', yard('apart', queue), EXACTLY, 'WITHSCORES'), 0
  for i = 2, #rows, 2 do bytes = bytes + tonumber(rows[i]) end
  return bytes / (#rows / 2) * jobs
end

local apart = estimate_apart()
local bytes = apart
for _, kind in ipairs(KINDS) do bytes = bytes + estimate(kind) end

-- A job that RQ's tools made to run again may still be listed where it ended: it is not forgotten.
local function has_ended(id)
  local job = fields(id, 'status')
  return not job or ENDS[job[1] or '']
end
local function listed_in(listed) -- what RQ never forgets stands below 0
  local ids = redis.call('ZRANGEBYSCORE', listed, 0, '+inf', 'LIMIT', 0, limit)
  if #ids > 0 then return ids end
  return redis.call('ZRANGEBYSCORE', listed, '-inf', '(0', 'LIMIT', 0, limit)
end
local function trim(kind)
  local gone, listed = {}, key(kind, queue)
  local ids = listed_in(listed)
  local sizes = apart > 0 and #ids > 0 and redis.call('ZMSCORE', yard('apart', queue), unpack(ids)) or {}
  for i, id in ipairs(ids) do
    if bytes <= budget then break end
    bytes, limit = bytes - MEAN[kind] - (tonumber(sizes[i] or '') or 0), limit - 1
    later('ZREM', listed, id)
    if has_ended(id) then gone[#gone + 1] = id end
  end
  if kind ~= 'finished' then cut_dependents(gone) end
  for _, id in ipairs(gone) do forget(id, queue) end
  return #gone
end

local reply = { 0, 0, 0, 0, 0 }
if budget > 0 then
  for i, kind in ipairs(KINDS) do reply[i + 1] = limit > 0 and bytes > budget and trim(kind) or 0 end
  reply[5] = bytes > budget and limit == 0 and 1 or 0
end
flush()
reply[1] = math.max(0, math.floor(bytes))
return reply
