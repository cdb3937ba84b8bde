{{/*
The KEDA triggers of one pool, as JSON: what waits and what is claimed in each lane of each queue, and the busy slots.
(list $ "pool" values)
*/}}
{{- define "jobyard.triggers" -}}
{{- $prefix := (first .).Values.settings.keyPrefix -}}
{{- $lists := dict -}}
{{- range $index, $queue := (last .).queues -}}
{{- $base := include "jobyard.baseQueue" $queue -}}
{{- range $lane, $ending := dict "high" ".high" "normal" "" "low" ".low" -}}
{{- $_ := set $lists (printf "queued%d%s" $index $lane) (printf "%s:queue:%s%s" $prefix $base $ending) -}}
{{- $_ := set $lists (printf "claimed%d%s" $index $lane) (printf "%s:wip:%s%s" $prefix $base $ending) -}}
{{- end -}}
{{- end -}}
{{- $_ := set $lists "busy" (printf "%s:yard:busy:%s" $prefix (index . 1)) -}}
{{- toJson $lists -}}
{{- end }}

{{/* Jobs that one slot may have before it, so that each starts within the latency target; at least 1. */}}
{{- define "jobyard.backlogPerSlot" -}}
{{- maxf 1.0 (divf .latencyTargetSeconds .meanJobSeconds) -}}
{{- end }}

{{/*
The one formula (jobyard.scaling): pods = max(busy / (0.8 c), (queued + claimed) / (c B)).
0.8 keeps clear of the autoscaler's tolerance of 10 %. (list $ "pool" values)
*/}}
{{- define "jobyard.formula" -}}
{{- $pool := last . -}}
{{- $work := without (keys (fromJson (include "jobyard.triggers" .))) "busy" | sortAlpha | join " + " -}}
{{- printf "max(busy / (0.8 * %d), (%s) / (%d * %s))" (int $pool.concurrency) $work (int $pool.concurrency) (include "jobyard.backlogPerSlot" $pool.autoscaling) -}}
{{- end }}

{{/* How replicas move: up at once, down slowly. */}}
{{- define "jobyard.behavior" -}}
scaleUp:
  stabilizationWindowSeconds: 0
  selectPolicy: Max
  policies:
    - {type: Percent, value: 100, periodSeconds: 15}
    - {type: Pods, value: 4, periodSeconds: 15}
scaleDown:
  stabilizationWindowSeconds: {{ .scaleDownWindowSeconds }}
  selectPolicy: Max
  policies:
    - {type: Percent, value: 25, periodSeconds: 30}
    - {type: Pods, value: 1, periodSeconds: 30}
{{- end }}

{{/* One trigger of KEDA: LLEN or ZCARD of a key, whichever it is: (list $ "name" "key"). */}}
{{- define "jobyard.trigger" -}}
{{- $root := first . -}}
{{- $sentinel := not (empty (include "jobyard.storeSentinel" $root)) -}}
- type: {{ ternary "redis-sentinel" "redis" $sentinel }}
  name: {{ index . 1 }}
  metadata:
    {{- if $sentinel }}
    addresses: {{ join "," $root.Values.store.external.sentinel.addresses | quote }}
    sentinelMaster: {{ $root.Values.store.external.sentinel.service | quote }}
    {{- else }}
    address: {{ printf "%s:%s" (include "jobyard.kedaStoreHost" $root) (include "jobyard.storePort" $root) | quote }}
    {{- end }}
    listName: {{ last . | quote }}
    listLength: "1"
    databaseIndex: {{ ternary 0 $root.Values.store.external.database (eq $root.Values.store.type "bundled") | int | quote }}
  {{- if include "jobyard.triggerAuthentication" $root }}
  authenticationRef:
    name: {{ include "jobyard.fullname" $root }}-store
  {{- end }}
{{- end }}

{{/* KEDA looks from another namespace. */}}
{{- define "jobyard.kedaStoreHost" -}}
{{- $host := include "jobyard.storeHost" . -}}
{{- ternary (printf "%s.%s.svc" $host .Release.Namespace) $host (eq .Values.store.type "bundled") -}}
{{- end }}

{{/* "true" where KEDA needs anything but an address. */}}
{{- define "jobyard.triggerAuthentication" -}}
{{- if or (include "jobyard.storeAuth" .) (include "jobyard.storeTls" .) }}true{{ end -}}
{{- end }}

{{/* "true" where KEDA scales a pool. */}}
{{- define "jobyard.kedaScales" -}}
{{- range $pool, $values := fromJson (include "jobyard.pools" .) -}}
{{- if eq (include "jobyard.scaler" $values) "keda" }}true{{ end -}}
{{- end -}}
{{- end }}
