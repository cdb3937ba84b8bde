{{/*
All pools with their defaults, as JSON: name → values. `autoscaling` and `image` are merged key by key, others replaced.
Sprig's mergeOverwrite would not let a pool say `false` or 0 where the default is another.
*/}}
{{- define "jobyard.pools" -}}
{{- $pools := dict -}}
{{- range $name, $own := .Values.pools -}}
{{- if not (kindIs "invalid" $own) -}}
{{- $pool := deepCopy $.Values.poolDefaults -}}
{{- range $key, $value := $own -}}
{{- if has $key (list "autoscaling" "image") -}}
{{- range $inner, $each := $value }}{{ $_ := set (index $pool $key) $inner $each }}{{ end -}}
{{- else -}}
{{- $_ := set $pool $key $value -}}
{{- end -}}
{{- end -}}
{{- $_ := set $pools $name $pool -}}
{{- end -}}
{{- end -}}
{{- toJson $pools -}}
{{- end }}

{{/* Who scales a pool: keda, hpa, or none. */}}
{{- define "jobyard.scaler" -}}
{{- ternary .autoscaling.type "none" .autoscaling.enabled -}}
{{- end }}

{{/* Whether a pool's pods write their deletion cost: "true" or nothing. */}}
{{- define "jobyard.deletionCost" -}}
{{- if and (ne (include "jobyard.scaler" .) "none") .autoscaling.deletionCost }}true{{ end -}}
{{- end }}

{{/* "true" where any pool's pods do. */}}
{{- define "jobyard.costsAreWritten" -}}
{{- range $name, $pool := fromJson (include "jobyard.pools" .) -}}
{{- include "jobyard.deletionCost" $pool -}}
{{- end -}}
{{- end }}

{{/* Seconds from SIGTERM to the end of a worker: what its longest job takes, and time to settle it. */}}
{{- define "jobyard.graceSeconds" -}}
{{- .graceSeconds | default (add .maxJobSeconds 15) | int -}}
{{- end }}

{{/* The queue that a lane (`mail.high`, `mail.low`) belongs to; every other queue is its own. */}}
{{- define "jobyard.baseQueue" -}}
{{- regexReplaceAll "^(.+)[.](high|low)$" . "${1}" -}}
{{- end }}

{{/* What the scheduler is told of the pools that scale, as JSON. */}}
{{- define "jobyard.poolsForScheduler" -}}
{{- $told := list -}}
{{- range $name, $pool := fromJson (include "jobyard.pools" .) -}}
{{- if ne (include "jobyard.scaler" $pool) "none" -}}
{{- $scaling := $pool.autoscaling -}}
{{- $told = append $told (dict
  "name" $name "queues" $pool.queues "concurrency" (int $pool.concurrency)
  "latencyTargetSeconds" $scaling.latencyTargetSeconds "meanJobSeconds" $scaling.meanJobSeconds
  "min" (int $scaling.minReplicas) "max" (int $scaling.maxReplicas)) -}}
{{- end -}}
{{- end -}}
{{- toJson $told -}}
{{- end }}
