{{/* Environment of api, workers and scheduler alike: (list $ "api" port). */}}
{{- define "jobyard.commonEnv" -}}
{{- $root := first . -}}
{{- $settings := $root.Values.settings -}}
{{ include "jobyard.storeEnv" $root }}
- name: RQ_KEY_PREFIX
  value: {{ $settings.keyPrefix | quote }}
- name: JOBYARD_LEASE_SECONDS
  value: {{ $settings.leaseSeconds | int | quote }}
- name: JOBYARD_DEFAULT_QUEUE
  value: {{ $settings.defaultQueue | quote }}
- name: JOBYARD_DEFAULT_TIMEOUT_SECONDS
  value: {{ $settings.defaultTimeoutSeconds | int | quote }}
- name: JOBYARD_LOG_FORMAT
  value: {{ $settings.logFormat | quote }}
- name: JOBYARD_LOG_LEVEL
  value: {{ $settings.logLevel | quote }}
- name: JOBYARD_METRICS_HOST
  value: 0.0.0.0
- name: JOBYARD_METRICS_PORT
  value: {{ last . | quote }}
- name: POD_NAME
  valueFrom: {fieldRef: {fieldPath: metadata.name}}
- name: POD_NAMESPACE
  valueFrom: {fieldRef: {fieldPath: metadata.namespace}}
{{- with $root.Values.tracing }}
{{- if .endpoint }}
- name: OTEL_EXPORTER_OTLP_ENDPOINT
  value: {{ .endpoint | quote }}
- name: OTEL_TRACES_SAMPLER
  value: parentbased_traceidratio
- name: OTEL_TRACES_SAMPLER_ARG
  value: {{ .sampleRatio | quote }}
- name: OTEL_RESOURCE_ATTRIBUTES
  value: k8s.pod.name=$(POD_NAME),k8s.namespace.name=$(POD_NAMESPACE)
{{- with .headersSecret }}
- name: OTEL_EXPORTER_OTLP_HEADERS
  valueFrom: {secretKeyRef: {name: {{ . }}, key: headers}}
{{- end }}
{{- end }}
{{- end }}
{{- range $name, $value := $settings.env }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- end }}

{{/*
The chart's environment and the user's, refused where both name a variable: the server would refuse it too, less clearly.
(list "value name" chart's-env-as-YAML extraEnv)
*/}}
{{- define "jobyard.env" -}}
{{- $all := concat (fromYamlArray (index . 1)) (last .) -}}
{{- $names := list -}}
{{- range $all -}}
{{- if has .name $names -}}
{{- fail (printf "jobyard: %s or settings.env sets %s, which the chart sets too: remove it, and use the value of the chart" (first $) .name) -}}
{{- end -}}
{{- $names = append $names .name -}}
{{- end -}}
{{- toYaml $all -}}
{{- end }}

{{/* Fields of a pod that all parts share: (list $ values selector-as-YAML "service account" token?). */}}
{{- define "jobyard.podSpec" -}}
{{- $root := first . -}}
{{- $part := index . 1 -}}
serviceAccountName: {{ index . 3 }}
automountServiceAccountToken: {{ last . }}
enableServiceLinks: false
{{- with $root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with $part.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- include "jobyard.podSecurity" $root }}
{{- with $part.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $part.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $part.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
topologySpreadConstraints:
{{- if $part.topologySpreadConstraints }}
  {{- toYaml $part.topologySpreadConstraints | nindent 2 }}
{{- else }}
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- index . 2 | nindent 8 }}
{{- end }}
{{- end }}

{{/* What the restricted pod security standard asks of a pod. */}}
{{- define "jobyard.podSecurity" }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
{{- end }}

{{/* What it asks of a container. */}}
{{- define "jobyard.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- end }}

{{/* Mounts of api, workers and scheduler: (list $ "api" extra). */}}
{{- define "jobyard.mounts" -}}
- name: tmp
  mountPath: /tmp
{{- if include "jobyard.secretItems" (list (first .) (index . 1)) }}
- name: secret
  mountPath: /etc/jobyard/secret
  readOnly: true
{{- end }}
{{- if include "jobyard.storeTls" (first .) }}
- name: store-tls
  mountPath: /etc/jobyard/store-tls
  readOnly: true
{{- end }}
{{- with last . }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Their volumes: (list $ "api" "tmp size" extra). */}}
{{- define "jobyard.volumes" -}}
{{- $root := first . -}}
- name: tmp
  emptyDir:
    sizeLimit: {{ index . 2 }}
{{- with include "jobyard.secretItems" (list $root (index . 1)) }}
- name: secret
  secret:
    secretName: {{ include "jobyard.secretName" $root }}
    defaultMode: 0440
    items:
      {{- . | trim | nindent 6 }}
{{- end }}
{{- if include "jobyard.storeTls" $root }}
{{- with $root.Values.store.external.tls }}
- name: store-tls
  secret:
    secretName: {{ .existingSecret }}
    defaultMode: 0440
    items:
      - {key: {{ .caKey }}, path: ca.crt}
      {{- if .client }}
      - {key: {{ .certKey }}, path: tls.crt}
      - {key: {{ .keyKey }}, path: tls.key}
      {{- end }}
{{- end }}
{{- end }}
{{- with last . }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Probes of a part by the port that answers them. Neither asks the store for its health: /readyz does, and restarts nothing. */}}
{{- define "jobyard.probes" -}}
startupProbe:
  httpGet: {path: /livez, port: {{ . }}}
  periodSeconds: 1
  failureThreshold: 60
livenessProbe:
  httpGet: {path: /livez, port: {{ . }}}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet: {path: /readyz, port: {{ . }}}
  periodSeconds: 2
  timeoutSeconds: 3
  # While the store is away all pods are unready at once. Clients shall then get our 503 with Retry-After, and
  # not a proxy's 404 for a route without pods. A pod that is told to stop loses its traffic without a probe.
  failureThreshold: 30
{{- end }}

{{/* Annotations of pods: (list $ podAnnotations checksums). */}}
{{- define "jobyard.podAnnotations" -}}
{{- $root := first . -}}
{{- $all := merge dict (last .) (index . 1) $root.Values.commonAnnotations -}}
{{- with $root.Values.secret.rolloutToken }}{{ $_ := set $all "jobyard/rollout-token" . }}{{ end -}}
{{- with $all }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Labels of pods: (list selector-as-YAML podLabels commonLabels). */}}
{{- define "jobyard.podLabels" -}}
labels:
  {{- first . | nindent 2 }}
  {{- with merge dict (index . 1) (last .) }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
