-- list: one page of jobs, newest first: of a queue with its lanes or of all queues, of a tenant, or of a
-- tag. Looks at no more than a bounded number of jobs; what is kept apart of one stays where it is.
-- KEYS none  ARGV prefix, source ('jobs', 'waiting', 'tenant', 'tag' or a registry), queue ('' for all),
-- tenant, tag, task ('' for any), since, before (ms of the creation, '' for any; before is not in it),
-- score and id of the place below which the page begins ('' for the top), limit, looks, then
-- n × 'status:cancel:attempted:expired' pattern of allowed states
-- Returns score and id of the last job that was looked at ('' when none is left), then a list a job:
-- id, hash (flat), due score or '', last result (as XREVRANGE).

local source, queue, tenant, tag, task = ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local since, before = tonumber(ARGV[7]), tonumber(ARGV[8])
local place = ARGV[9] ~= '' and { score = ARGV[9], member = ARGV[10] } or nil
local limit, looks, allowed = tonumber(ARGV[11]), tonumber(ARGV[12]), nil
for i = 13, #ARGV do
  allowed = allowed or {}
  allowed[ARGV[i]] = true
end
local BY_CREATION = { jobs = true, waiting = true, tenant = true, tag = true } -- scores are µs
local since_score = BY_CREATION[source] and since and since * 1000

local function members(set)
  local found = redis.pcall('SMEMBERS', set)
  return found.err and {} or found
end
local is_lane = base_of(queue) ~= queue
local function lanes()
  if is_lane then return { queue } end
  if queue ~= '' then return { queue, queue .. '.high', queue .. '.low' } end
  local names = {}
  for i, name in ipairs(members(key('queues'))) do names[i] = string.sub(name, #PREFIX + 8) end
  return names
end
local function lists()
  if source == 'tenant' then return { yard('tenant', tenant) } end
  if source == 'tag' and tenant ~= '' then return { tagged(tenant, tag) } end
  local found = {}
  if source == 'tag' then
    for _, name in ipairs(members(yard('tenants'))) do found[#found + 1] = tagged(name, tag) end
    found[#found + 1] = tagged('', tag)
    return found
  end
  for i, lane in ipairs(lanes()) do found[i] = BY_CREATION[source] and yard('jobs', lane) or key(source, lane) end
  return found
end

-- Where little waits it is looked up, however much else is stored; else what is new mostly waits.
local function waiting_in(lane, rows)
  local ids = redis.call('LRANGE', key('queue', lane), 0, -1)
  local scores = #ids > 0 and redis.call('ZMSCORE', yard('jobs', lane), unpack(ids)) or {}
  for i = #ids, 1, -1 do
    if scores[i] and (not place or is_below(ids[i], scores[i], place)) then
      rows[#rows + 1] = { member = ids[i], score = scores[i], at = tonumber(scores[i]) }
    end
  end
end
local function is_newer(a, b) return a.at > b.at or a.at == b.at and is_lower(b.member, a.member) end
local function few_waiting()
  local rows, sound, length = {}, {}, 0
  for _, lane in ipairs(lanes()) do
    if redis.call('TYPE', key('queue', lane)).ok == 'list' and pcall(expect, 'zset', yard('jobs', lane)) then
      sound[#sound + 1], length = lane, length + redis.call('LLEN', key('queue', lane))
    end
  end
  if length > looks then return nil end
  for _, lane in ipairs(sound) do waiting_in(lane, rows) end
  for i = 2, #rows do
    if is_newer(rows[i], rows[i - 1]) then table.sort(rows, is_newer) break end
  end
  local walk = { at = 1, rows = {} }
  for i, row in ipairs(rows) do walk.rows[2 * i - 1], walk.rows[2 * i] = row.member, row.score end
  return { walk }
end

local function walks()
  local few = source == 'waiting' and few_waiting()
  if few then return few end
  local top, found = place, {}
  if not top and before and BY_CREATION[source] then
    top = { score = string.format('%.0f', before * 1000), member = '' }
  end
  for _, list in ipairs(lists()) do found[#found + 1] = walk_below(list, top) or nil end
  return found
end

local sleeping = {} -- id → the delayed jobs of its queue
local function fits(id)
  local job = fields(id, 'status', 'cancel', 'attempts', 'task', 'expired', 'tenant', 'origin', 'created_at')
  if not job or not job[1] then return false end
  sleeping[id] = key('scheduled', job[7] or '')
  if task ~= '' and job[4] ~= task or tenant ~= '' and job[6] ~= tenant then return false end
  local name = job[7] or queue
  if queue ~= '' and (is_lane and name or base_of(name)) ~= queue then return false end
  if since and (job[8] or '') < iso(since) or before and (job[8] or '') >= iso(before) then return false end
  if not allowed then return true end
  local canceling = job[1] == 'started' and job[2] == '1' and 1 or 0
  local retrying = job[1] == 'scheduled' and (tonumber(job[3] or '') or 0) > 0 and 1 or 0
  return allowed[table.concat({ job[1], canceling, retrying, job[5] and 1 or 0 }, ':')]
end

local reply, found, merged = { '', '' }, 0, walks()
local member, score = next_of(merged)
while member and not (since_score and tonumber(score) < since_score) do
  if found == limit or looks == 0 then return reply end
  looks = looks - 1
  reply[1], reply[2] = score, member
  local id = source == 'wip' and string.match(member, '^(.*):[^:]*$') or member
  if fits(id) then
    found = found + 1
    reply[#reply + 1] = { id, whole(id), redis.pcall('ZSCORE', sleeping[id], id) or '', results_of(id, 1) }
  end
  member, score = next_of(merged)
end
reply[1], reply[2] = '', ''
return reply
