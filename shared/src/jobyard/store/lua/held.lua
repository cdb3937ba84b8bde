-- held: what one worker holds. Changes nothing, and yet is no reading script: only a primary answers.
-- KEYS none  ARGV prefix, worker
-- Returns n × id:token.

expect('hash', yard('held', ARGV[2]))
return redis.call('HKEYS', yard('held', ARGV[2]))
