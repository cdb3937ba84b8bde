-- published: every task in the catalogue, and every queue that was ever declared or is served now.
-- Changes nothing.
-- KEYS none  ARGV prefix
-- Returns names of queues, then a list a task: JSON of the version that counts, and of each version,
-- that one first: its name, when it was first seen (ms), 1 when a living worker serves it.

local tasks, queues = {}, {}
for _, task in ipairs(redis.call('SMEMBERS', yard('tasks'))) do
  local hash = hash_of(task)
  local versions = versions_of(hash)
  if versions[1] then
    local row = { hash['record:' .. versions[1].name] }
    for _, version in ipairs(versions) do
      row[#row + 1], row[#row + 2] = version.name, string.format('%.0f', version.since / 1000)
      row[#row + 1] = version.served and 1 or 0
    end
    tasks[#tasks + 1] = row
  elseif hash.record then
    tasks[#tasks + 1] = { hash.record } -- an older Jobyard published it
  end
end
for _, name in ipairs(redis.call('SMEMBERS', key('queues'))) do
  queues[#queues + 1] = string.sub(name, #PREFIX + 8)
end
-- RQ's own workers do not join, nor do those of an older Jobyard: what they serve stands here only.
local workers = redis.pcall('SMEMBERS', key('workers'))
for _, worker in ipairs(workers.err and {} or workers) do
  local theirs = redis.pcall('HGET', worker, 'queues')
  for queue in string.gmatch(type(theirs) == 'string' and theirs or '', '[^,]+') do
    queues[#queues + 1] = queue
  end
end
return { queues, tasks }
