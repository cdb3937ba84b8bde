{{/* Environment of one pool's workers: (list $ "pool" values). */}}
{{- define "jobyard.workerEnv" -}}
{{- $root := first . -}}
{{- $pool := last . -}}
{{ include "jobyard.commonEnv" (list $root "worker" 9401) }}
- name: JOBYARD_POOL
  value: {{ index . 1 | quote }}
- name: JOBYARD_QUEUES
  value: {{ join "," $pool.queues | quote }}
- name: JOBYARD_QUEUE_ORDER
  value: {{ $pool.order | quote }}
{{- with $pool.weights }}
{{- $weights := list }}
{{- range $queue, $weight := . }}{{ $weights = append $weights (printf "%s:%v" $queue $weight) }}{{ end }}
- name: JOBYARD_QUEUE_WEIGHTS
  value: {{ join "," $weights | quote }}
{{- end }}
- name: JOBYARD_EXECUTOR
  value: {{ $pool.executor | quote }}
- name: JOBYARD_CONCURRENCY
  value: {{ $pool.concurrency | int | quote }}
- name: JOBYARD_MAX_JOB_SECONDS
  value: {{ $pool.maxJobSeconds | int | quote }}
- name: JOBYARD_GRACE_SECONDS
  value: {{ include "jobyard.graceSeconds" $pool | quote }}
{{- if include "jobyard.deletionCost" $pool }}
- name: JOBYARD_DELETION_COST
  value: "true"
{{- end }}
{{- with $root.Values.tasks.modules }}
- name: JOBYARD_TASK_MODULES
  value: {{ join "," . | quote }}
{{- end }}
{{- if include "jobyard.tasksConfigMap" $root }}
- name: PYTHONPATH
  value: /etc/jobyard/tasks
{{- end }}
{{- end }}

{{/* Name of the ConfigMap of users' tasks, or nothing. */}}
{{- define "jobyard.tasksConfigMap" -}}
{{- $own := ternary (printf "%s-tasks" (include "jobyard.fullname" .)) "" (not (empty .Values.tasks.files)) -}}
{{- .Values.tasks.existingConfigMap | default $own -}}
{{- end }}

{{/* An annotation that replaces the pods when the tasks change. */}}
{{- define "jobyard.tasksChecksum" -}}
{{- with .Values.tasks.files }}
checksum/tasks: {{ toJson . | sha256sum }}
{{- end }}
{{- end }}
