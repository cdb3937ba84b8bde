{{/* Files of the bundled store, as YAML. */}}
{{- define "jobyard.storeConfig" -}}
valkey.conf: |
  appendonly yes
  appendfsync {{ .Values.store.bundled.fsync }}
  maxmemory {{ .Values.store.bundled.maxMemory }}
  maxmemory-policy noeviction
  stream-node-max-bytes 256
  # The append-only file has everything; a snapshot beside it would cost a fork of the process.
  save ""
users.txt: |
  {{- include "jobyard.storeUsers" . | nindent 2 }}
{{- range list "start" "ready" "alive" }}
{{ . }}.sh: |
  {{- $.Files.Get (printf "files/store/%s.sh" .) | nindent 2 }}
{{- end }}
{{- end }}

{{/*
Users of the store and their rights, one a line; start.sh puts their passwords in.
KEDA's trigger is one script that reads a type and a length; EVAL asks for keys that could be written.
*/}}
{{- define "jobyard.storeUsers" -}}
{{- $prefix := .Values.settings.keyPrefix -}}
app ~{{ $prefix }}:* &{{ $prefix }}:* +@all -@admin -@dangerous +info +client|list
keda ~{{ $prefix }}:* +@connection +eval +evalsha +script|load +llen +zcard +type +scard +hlen +xlen
exporter +@connection +info +dbsize +config|get +slowlog|len +slowlog|get +latency|latest +latency|histogram +client|list
{{- end }}
