{{/* Refuses a pool whose values contradict each other: (list "pool" values). */}}
{{- define "jobyard.checkPool" -}}
{{- $name := first . -}}
{{- $pool := last . -}}
{{- if not $pool.queues -}}
{{- fail (printf "jobyard: pools.%s.queues is empty: name the queues that it serves, as in [default]" $name) -}}
{{- end -}}
{{- $needed := add $pool.maxJobSeconds 10 | int -}}
{{- if and $pool.graceSeconds (lt (int $pool.graceSeconds) $needed) -}}
{{- fail (printf "jobyard: pools.%s.graceSeconds is %d, shorter than a job may take: set at least %d (maxJobSeconds + 10), lower maxJobSeconds, or leave it out" $name (int $pool.graceSeconds) $needed) -}}
{{- end -}}
{{- if and $pool.weights (ne $pool.order "weighted") -}}
{{- fail (printf "jobyard: pools.%s.weights need order weighted: set pools.%s.order=weighted" $name $name) -}}
{{- end -}}
{{- range $queue, $_ := $pool.weights -}}
{{- if not (has $queue $pool.queues) -}}
{{- fail (printf "jobyard: pools.%s.weights names queue %s, which the pool does not serve: add it to its queues" $name $queue) -}}
{{- end -}}
{{- end -}}
{{- if and (gt (int $pool.concurrency) 1000) (ne $pool.executor "asyncio") -}}
{{- fail (printf "jobyard: pools.%s.concurrency above 1000 needs executor asyncio: lower it, or set pools.%s.executor=asyncio" $name $name) -}}
{{- end -}}
{{- if gt (int $pool.autoscaling.minReplicas) (int $pool.autoscaling.maxReplicas) -}}
{{- fail (printf "jobyard: pools.%s.autoscaling.minReplicas is above maxReplicas: lower it" $name) -}}
{{- end -}}
{{- end }}
