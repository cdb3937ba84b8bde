{{/* Whether a pool may have no pods: "true" or nothing. */}}
{{- define "jobyard.maySleep" -}}
{{- $fewest := ternary .replicaCount .autoscaling.minReplicas (eq (include "jobyard.scaler" .) "none") | int -}}
{{- if eq $fewest 0 }}true{{ end -}}
{{- end }}

{{/* Labels of what publishes a pool's tasks, which are not those of its workers: (list $ "pool"). */}}
{{- define "jobyard.publishSelector" -}}
{{ include "jobyard.selector" (list (first .) "publish") }}
jobyard/pool: {{ last . }}
{{- end }}

{{/*
Metadata of the Job that does: (list $ "pool" pod-as-YAML). A Job cannot be changed: one that would differ gets another
name. It runs after the release's objects are there; kubectl, which knows no hooks, applies it with them.
*/}}
{{- define "jobyard.publishMetadata" -}}
{{- $root := first . -}}
{{- $what := printf "%s%s" (last .) (toJson $root.Values.tasks.files) -}}
name: {{ printf "%s-publish-%s" (include "jobyard.fullname" $root) (sha256sum $what | trunc 10) }}
namespace: {{ $root.Release.Namespace }}
labels:
  {{- include "jobyard.publishSelector" (list $root (index . 1)) | nindent 2 }}
  {{- include "jobyard.ownLabels" $root | nindent 2 }}
{{- include "jobyard.annotations" (list $root (dict "helm.sh/hook" "post-install,post-upgrade,post-rollback" "helm.sh/hook-delete-policy" "before-hook-creation,hook-succeeded")) }}
{{- end }}

{{/* Its pod, as YAML: (list $ "pool" values). */}}
{{- define "jobyard.publishPod" -}}
{{- $root := first . -}}
{{- $values := last . -}}
{{- $selector := include "jobyard.publishSelector" (list $root (index . 1)) -}}
metadata:
  {{- include "jobyard.podLabels" (list $selector $values.podLabels $root.Values.commonLabels) | nindent 2 }}
spec:
  {{- include "jobyard.podSpec" (list $root $values $selector (include "jobyard.workerAccount" (list $root $values)) false) | nindent 2 }}
  restartPolicy: Never
  containers:
    - {{- include "jobyard.workerContainer" (list $root (index . 1) $values "publish") | nindent 6 | trimPrefix "\n     " }}
      args: [--publish]
  volumes:
    {{- include "jobyard.workerVolumes" (list $root $values) | nindent 4 }}
{{- end }}
