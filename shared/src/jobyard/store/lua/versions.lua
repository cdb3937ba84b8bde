-- versions: which version of a task counts, for publish.lua and published.lua. A task's hash holds for
-- each version `record:<v>` (JSON), `since:<v>` (µs, when it was first seen), `by:<v>` (worker | api: who
-- published it) and `releases:<v>` (of the processes that have it, each ending in a space); and in
-- `record`, for processes of an older Jobyard, the one that counted when one was published last.

-- The releases that living workers are of: a worker's own hash says which.
local LIVING = nil
local function living()
  if LIVING then return LIVING end
  LIVING = {}
  local workers = redis.pcall('ZRANGE', yard('lease'), 0, -1)
  for _, worker in ipairs(workers.err and {} or workers) do
    local release = redis.pcall('HGET', yard('worker', worker), 'release')
    if type(release) == 'string' then LIVING[release] = true end
  end
  return LIVING
end

local function is_served(releases)
  for release in string.gmatch(releases or '', '%S+') do
    if living()[release] then return true end
  end
  return false
end

-- What living workers serve counts before what nobody does, what workers published before what the API
-- brought in its own image, and of those the version that was seen first last.
local function is_before(a, b)
  if a.served ~= b.served then return a.served end
  if a.by ~= b.by then return a.by == 'worker' end
  if a.since ~= b.since then return a.since > b.since end
  return a.name > b.name
end

-- The versions of one task, the one that counts first.
local function versions_of(hash)
  local versions = {}
  for name, since in pairs(hash) do
    local version = string.match(name, '^since:(.*)$')
    if version and hash['record:' .. version] then
      versions[#versions + 1] = { name = version, since = tonumber(since) or 0, by = hash['by:' .. version],
        served = is_served(hash['releases:' .. version]) }
    end
  end
  table.sort(versions, is_before)
  return versions
end

local function hash_of(task)
  local flat, hash = redis.pcall('HGETALL', yard('task', task)), {}
  for i = 1, #flat, 2 do hash[flat[i]] = flat[i + 1] end
  return hash
end
