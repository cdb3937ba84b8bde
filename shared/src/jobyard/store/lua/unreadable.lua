-- unreadable: records that were put aside because they cannot be read. Changes nothing.
-- KEYS none  ARGV prefix, cursor ('0' to begin), count (about as many are returned)
-- Returns next cursor ('0' at the end), then a pair a record: id, JSON of queue, reason and at.

local found = redis.call('HSCAN', yard('dead', 'unreadable'), ARGV[2], 'COUNT', ARGV[3])
table.insert(found[2], 1, found[1])
return found[2]
