{{- define "jobyard.schedulerEnv" -}}
{{ include "jobyard.commonEnv" (list . "scheduler" 9402) }}
- name: JOBYARD_POOLS
  value: {{ include "jobyard.poolsForScheduler" . | quote }}
- name: JOBYARD_NOTIFICATIONS
  value: {{ .Values.schedules.notifications | quote }}
{{- with .Values.scheduler.queueBudgetBytes }}
- name: JOBYARD_QUEUE_BUDGET_BYTES
  value: {{ . | quote }}
{{- end }}
{{- if include "jobyard.schedulesConfigMap" . }}
- name: JOBYARD_SCHEDULES_FILE
  value: /etc/jobyard/schedules/schedules.toml
{{- end }}
{{- end }}

{{/* Name of the ConfigMap of schedules, or nothing. */}}
{{- define "jobyard.schedulesConfigMap" -}}
{{- $own := ternary (printf "%s-schedules" (include "jobyard.fullname" .)) "" (not (empty .Values.schedules.toml)) -}}
{{- .Values.schedules.existingConfigMap | default $own -}}
{{- end }}

{{/* An annotation that replaces the pods when the schedules change. */}}
{{- define "jobyard.schedulesChecksum" -}}
{{- with .Values.schedules.toml }}
checksum/schedules: {{ sha256sum . }}
{{- end }}
{{- end }}
