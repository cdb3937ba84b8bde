{{/* The pod that fills the secret, as YAML. */}}
{{- define "jobyard.secretPod" -}}
{{- $name := printf "%s-secret" (include "jobyard.fullname" .) -}}
{{- $selector := include "jobyard.selector" (list . "secret") -}}
metadata:
  {{- include "jobyard.podLabels" (list $selector dict .Values.commonLabels) | nindent 2 }}
spec:
  {{- include "jobyard.podSpec" (list . (dict "tolerations" .Values.api.tolerations "nodeSelector" .Values.api.nodeSelector) $selector $name true) | nindent 2 }}
  restartPolicy: OnFailure
  containers:
    - name: fill
      image: {{ include "jobyard.image" (list . .Values.api.image) }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      {{- include "jobyard.containerSecurity" . | nindent 6 }}
      command: [python, /etc/jobyard/script/fill_secret.py]
      args: [{{ include "jobyard.fullname" . }}, {{ .Values.secret.bootstrapKey }}, {{ .Values.secret.appPassword }}, {{ .Values.secret.kedaPassword }}, {{ .Values.secret.exporterPassword }}]
      resources:
        requests: {cpu: 10m, memory: 32Mi}
        limits: {memory: 64Mi}
      volumeMounts:
        - {name: script, mountPath: /etc/jobyard/script, readOnly: true}
  volumes:
    - {name: script, configMap: {name: {{ $name }}}}
{{- end }}
