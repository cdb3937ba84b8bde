{{/* Base of all names, short enough for what is put behind it. */}}
{{- define "jobyard.fullname" -}}
{{- $name := .Values.nameOverride | default .Chart.Name -}}
{{- $full := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- .Values.fullnameOverride | default $full | trunc 35 | trimSuffix "-" -}}
{{- end }}

{{/* Name of one pool's objects: (list $ "pool"). */}}
{{- define "jobyard.poolName" -}}
{{- printf "%s-worker-%s" (include "jobyard.fullname" (first .)) (last .) -}}
{{- end }}

{{/* What selects a part's pods; never a version, for selectors cannot change: (list $ "api"). */}}
{{- define "jobyard.selector" -}}
app.kubernetes.io/name: {{ (first .).Chart.Name }}
app.kubernetes.io/instance: {{ (first .).Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{/* The same for one pool: (list $ "pool"). */}}
{{- define "jobyard.poolSelector" -}}
{{ include "jobyard.selector" (list (first .) "worker") }}
jobyard/pool: {{ last . }}
{{- end }}

{{/* Labels of an object, which includes its selector: (list $ "api"). */}}
{{- define "jobyard.labels" -}}
{{ include "jobyard.selector" . }}
{{ include "jobyard.ownLabels" (first .) }}
{{- end }}

{{/* Labels of an object of one pool: (list $ "pool"). */}}
{{- define "jobyard.poolLabels" -}}
{{ include "jobyard.poolSelector" . }}
{{ include "jobyard.ownLabels" (first .) }}
{{- end }}

{{- define "jobyard.ownLabels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: jobyard
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Metadata of an object: (list $ "name" "component" [annotations]). */}}
{{- define "jobyard.metadata" -}}
name: {{ index . 1 }}
namespace: {{ (first .).Release.Namespace }}
labels:
  {{- include "jobyard.labels" (list (first .) (index . 2)) | nindent 2 }}
{{- include "jobyard.annotations" (list (first .) (ternary (index . (int (min 3 (sub (len .) 1)))) dict (gt (len .) 3))) }}
{{- end }}

{{/* Metadata of an object of one pool: (list $ "pool"). */}}
{{- define "jobyard.poolMetadata" -}}
name: {{ include "jobyard.poolName" . }}
namespace: {{ (first .).Release.Namespace }}
labels:
  {{- include "jobyard.poolLabels" . | nindent 2 }}
{{- include "jobyard.annotations" (list (first .) dict) }}
{{- end }}

{{/* Annotations of all objects and of this one: (list $ dict). */}}
{{- define "jobyard.annotations" -}}
{{- with merge dict (last .) (first .).Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* An image of ours: (list $ .image). */}}
{{- define "jobyard.image" -}}
{{- $root := first . -}}
{{- $image := last . -}}
{{- $registry := ternary "" (printf "%s/" (trimSuffix "/" $root.Values.image.registry)) (empty $root.Values.image.registry) -}}
{{- $tag := $image.tag | default $root.Values.image.tag | default $root.Chart.AppVersion -}}
{{- printf "%s%s%s" $registry $image.repository (ternary (printf "@%s" $image.digest) (printf ":%s" $tag) (not (empty $image.digest))) -}}
{{- end }}

{{/* Name of the secret that holds keys and passwords. */}}
{{- define "jobyard.secretName" -}}
{{- .Values.secret.existingSecret | default (include "jobyard.fullname" .) -}}
{{- end }}
