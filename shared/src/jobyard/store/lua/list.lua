-- list: one page of the jobs of a queue or a tenant, newest first, looking at no more than a bounded number.
-- What is kept apart of a job stays where it is.
-- KEYS none  ARGV prefix, queue ('' for any, of a tenant), source ('jobs', 'tenant' or a registry), score or '+inf', id or '', limit,
--            looks, task or '', tenant or '', n × 'status:cancel:attempted:expired' pattern of allowed states
-- Returns next score, next id ('' when the source is at its end), then a list a job:
-- id, hash (flat), due score or '', last result (as XREVRANGE), score, member.

local queue, source, score, last = ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local limit, looks, task, tenant = tonumber(ARGV[6]), tonumber(ARGV[7]), ARGV[8], ARGV[9]
local allowed = {}
for i = 10, #ARGV do allowed[ARGV[i]] = true end
local listed = key(source, queue)
if source == 'jobs' then listed = yard('jobs', queue) end
if source == 'tenant' then listed = yard('tenant', tenant) end
local reply, found, at_score, at_id = {}, 0, '', ''

local sleeping = {} -- id → key of the delayed jobs of its queue
local function fits(id)
  local job = fields(id, 'status', 'cancel', 'attempts', 'task', 'expired', 'tenant', 'origin')
  if not job or not job[1] then return false end
  if task ~= '' and job[4] ~= task or tenant ~= '' and job[6] ~= tenant then return false end
  if source == 'tenant' and queue ~= '' and job[7] ~= queue then return false end
  sleeping[id] = key('scheduled', job[7] or queue)
  if #ARGV < 10 then return true end
  local canceling = job[1] == 'started' and job[2] == '1' and 1 or 0
  local retrying = job[1] == 'scheduled' and (tonumber(job[3] or '') or 0) > 0 and 1 or 0
  return allowed[table.concat({ job[1], canceling, retrying, job[5] and 1 or 0 }, ':')]
end

local function show(id, at, member)
  found = found + 1
  reply[#reply + 1] = { id, whole(id),
    redis.call('ZSCORE', sleeping[id], id) or '', results_of(id, 1), at, member }
end

-- After the last member where it still stands, else after its place.
local function page()
  local rank = last ~= '' and redis.call('ZREVRANK', listed, last)
  if rank then return redis.call('ZREVRANGE', listed, rank + 1, rank + looks, 'WITHSCORES'), false end
  return redis.call('ZREVRANGEBYSCORE', listed, score, '-inf', 'WITHSCORES', 'LIMIT', 0, looks), true
end

local rows, by_place = page()
local more = #rows == looks * 2
for i = 1, #rows, 2 do
  local member, at = rows[i], rows[i + 1]
  if not (by_place and last ~= '' and tonumber(at) == tonumber(score) and member >= last) then
    if found == limit then more = true break end
    at_score, at_id = at, member
    local id = source == 'wip' and string.match(member, '^(.*):[^:]*$') or member
    if fits(id) then show(id, at, member) end
  end
end
if not more then at_score, at_id = '', '' end
table.insert(reply, 1, at_id)
table.insert(reply, 1, at_score)
return reply
