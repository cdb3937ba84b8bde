{{/* A pod that runs a script against the API, as YAML: (list $ "component" "script" extra-arguments restartPolicy). */}}
{{- define "jobyard.clientPod" -}}
{{- $root := first . -}}
{{- $selector := include "jobyard.selector" (list $root (index . 1)) -}}
{{- $name := include "jobyard.fullname" $root -}}
{{- include "jobyard.podSpec" (list $root (dict "tolerations" $root.Values.api.tolerations "nodeSelector" $root.Values.api.nodeSelector) $selector (printf "%s-api" $name) false) }}
restartPolicy: Never
containers:
  - name: {{ index . 1 }}
    image: {{ include "jobyard.image" (list $root $root.Values.api.image) }}
    imagePullPolicy: {{ $root.Values.image.pullPolicy }}
    {{- include "jobyard.containerSecurity" $root | nindent 4 }}
    command: [python, -c]
    args:
      - {{ $root.Files.Get (index . 2) | quote }}
      - http://{{ $name }}-api:{{ $root.Values.api.service.port }}{{ $root.Values.api.pathPrefix }}
      {{- range last . }}
      - {{ . | quote }}
      {{- end }}
    env:
      - name: JOBYARD_API_KEY
        valueFrom: {secretKeyRef: {name: {{ include "jobyard.secretName" $root }}, key: {{ $root.Values.secret.bootstrapKey }}}}
    resources:
      requests: {cpu: 10m, memory: 32Mi}
      limits: {memory: 64Mi}
{{- end }}
