{{- define "jobyard.storeName" -}}
{{- printf "%s-store" (include "jobyard.fullname" .) -}}
{{- end }}

{{- define "jobyard.storeHost" -}}
{{- ternary (include "jobyard.storeName" .) .Values.store.external.host (eq .Values.store.type "bundled") -}}
{{- end }}

{{- define "jobyard.storePort" -}}
{{- ternary 6379 .Values.store.external.port (eq .Values.store.type "bundled") | int -}}
{{- end }}

{{/* "true" where clients of the store bring a password. */}}
{{- define "jobyard.storeAuth" -}}
{{- if or (eq .Values.store.type "bundled") .Values.store.external.auth }}true{{ end -}}
{{- end }}

{{/* "true" where connections to the store are encrypted. */}}
{{- define "jobyard.storeTls" -}}
{{- if and (eq .Values.store.type "external") .Values.store.external.tls.enabled }}true{{ end -}}
{{- end }}

{{/* "true" where Sentinels name the store. */}}
{{- define "jobyard.storeSentinel" -}}
{{- if and (eq .Values.store.type "external") .Values.store.external.sentinel.addresses }}true{{ end -}}
{{- end }}

{{/* The store's URL, which never holds a password. */}}
{{- define "jobyard.storeUrl" -}}
{{- $scheme := ternary "rediss" "redis" (not (empty (include "jobyard.storeTls" .))) -}}
{{- $external := .Values.store.external -}}
{{- if include "jobyard.storeSentinel" . -}}
{{- printf "%s+sentinel://%s/%s/%d" $scheme (join "," $external.sentinel.addresses) $external.sentinel.service (int $external.database) -}}
{{- else -}}
{{- $database := ternary 0 $external.database (eq .Values.store.type "bundled") -}}
{{- printf "%s://%s:%s/%d" $scheme (include "jobyard.storeHost" .) (include "jobyard.storePort" .) (int $database) -}}
{{- end -}}
{{- end }}

{{- define "jobyard.storeUser" -}}
{{- ternary "app" .Values.store.external.username (eq .Values.store.type "bundled") -}}
{{- end }}

{{- define "jobyard.kedaUser" -}}
{{- ternary "keda" (.Values.store.external.kedaUsername | default .Values.store.external.username) (eq .Values.store.type "bundled") -}}
{{- end }}

{{/* Key of KEDA's password: its own, unless it shares the user of the others. */}}
{{- define "jobyard.kedaPasswordKey" -}}
{{- $shared := and (eq .Values.store.type "external") (not .Values.store.external.kedaUsername) -}}
{{- ternary .Values.secret.appPassword .Values.secret.kedaPassword $shared -}}
{{- end }}

{{/* Where and as whom the store is reached, as environment. */}}
{{- define "jobyard.storeEnv" -}}
- name: JOBYARD_REDIS_URL
  value: {{ include "jobyard.storeUrl" . | quote }}
{{- if include "jobyard.storeAuth" . }}
{{- with include "jobyard.storeUser" . }}
- name: JOBYARD_REDIS_USERNAME
  value: {{ . | quote }}
{{- end }}
- name: JOBYARD_REDIS_PASSWORD_FILE
  value: /etc/jobyard/secret/app-password
{{- end }}
{{- if include "jobyard.storeTls" . }}
- name: JOBYARD_REDIS_CA
  value: /etc/jobyard/store-tls/ca.crt
{{- if .Values.store.external.tls.client }}
- name: JOBYARD_REDIS_CERT
  value: /etc/jobyard/store-tls/tls.crt
- name: JOBYARD_REDIS_KEY
  value: /etc/jobyard/store-tls/tls.key
{{- end }}
{{- end }}
{{- if and (include "jobyard.storeSentinel" .) .Values.store.external.sentinel.auth }}
{{- with .Values.store.external.sentinel.username }}
- name: JOBYARD_REDIS_SENTINEL_USERNAME
  value: {{ . | quote }}
{{- end }}
- name: JOBYARD_REDIS_SENTINEL_PASSWORD_FILE
  value: /etc/jobyard/secret/sentinel-password
{{- end }}
{{- end }}

{{/* Files of the secret that a pod gets: (list $ "api"). Only the API sees its bootstrap key. */}}
{{- define "jobyard.secretItems" -}}
{{- $root := first . -}}
{{- if include "jobyard.storeAuth" $root }}
- {key: {{ $root.Values.secret.appPassword }}, path: app-password}
{{- end }}
{{- if eq (last .) "api" }}
- {key: {{ $root.Values.secret.bootstrapKey }}, path: bootstrap-key}
{{- end }}
{{- if and (include "jobyard.storeSentinel" $root) $root.Values.store.external.sentinel.auth }}
- {key: sentinel-password, path: sentinel-password}
{{- end }}
{{- end }}
