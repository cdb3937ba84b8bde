{{- define "jobyard.apiEnv" -}}
{{ include "jobyard.commonEnv" (list . "api" 9400) }}
- name: JOBYARD_API_HOST
  value: 0.0.0.0
- name: JOBYARD_API_PORT
  value: "8000"
- name: JOBYARD_BOOTSTRAP_KEY_FILE
  value: /etc/jobyard/secret/bootstrap-key
- name: JOBYARD_API_DRAIN_SECONDS
  value: {{ .Values.api.drainSeconds | int | quote }}
- name: JOBYARD_API_SHUTDOWN_SECONDS
  value: {{ .Values.api.shutdownSeconds | int | quote }}
- name: JOBYARD_CLASSIC_PUBLIC
  value: {{ .Values.api.classicPublic | quote }}
{{- with .Values.api.pathPrefix }}
- name: JOBYARD_API_PATH_PREFIX
  value: {{ . | quote }}
{{- end }}
{{- with .Values.api.trustedProxies }}
- name: JOBYARD_TRUSTED_PROXIES
  value: {{ join "," . | quote }}
{{- end }}
{{- with .Values.api.corsOrigins }}
- name: JOBYARD_CORS_ORIGINS
  value: {{ join "," . | quote }}
{{- end }}
{{- end }}
