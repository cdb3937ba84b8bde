{{/* The container of one pool's workers without what only those need who work, as YAML: (list $ "pool" values "name"). */}}
{{- define "jobyard.workerContainer" -}}
{{- $root := first . -}}
{{- $pool := index . 1 -}}
{{- $values := index . 2 -}}
name: {{ last . }}
image: {{ include "jobyard.image" (list $root $values.image) }}
imagePullPolicy: {{ $root.Values.image.pullPolicy }}
{{- include "jobyard.containerSecurity" $root | nindent 0 }}
env:
  {{- include "jobyard.env" (list (printf "pools.%s.extraEnv" $pool) (include "jobyard.workerEnv" (list $root $pool $values)) $values.extraEnv) | nindent 2 }}
{{- with $values.extraEnvFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
resources:
  {{- toYaml $values.resources | nindent 2 }}
volumeMounts:
  {{- include "jobyard.mounts" (list $root "worker" $values.extraVolumeMounts) | nindent 2 }}
  {{- if include "jobyard.tasksConfigMap" $root }}
  - {name: tasks, mountPath: /etc/jobyard/tasks, readOnly: true}
  {{- end }}
{{- end }}

{{/* Its volumes: (list $ values). */}}
{{- define "jobyard.workerVolumes" -}}
{{- $root := first . -}}
{{- include "jobyard.volumes" (list $root "worker" (last .).tmpSize (last .).extraVolumes) }}
{{- with include "jobyard.tasksConfigMap" $root }}
- {name: tasks, configMap: {name: {{ . }}}}
{{- end }}
{{- end }}

{{/* Name of the service account of one pool's pods: (list $ values). */}}
{{- define "jobyard.workerAccount" -}}
{{- $scaled := not (empty (include "jobyard.deletionCost" (last .))) -}}
{{- printf "%s-worker%s" (include "jobyard.fullname" (first .)) (ternary "-scaled" "" $scaled) -}}
{{- end }}
