{{- define "jobyard.dnsEgress" -}}
- ports:
    - {protocol: UDP, port: 53}
    - {protocol: TCP, port: 53}
{{- end }}

{{/* To the store, wherever it is. */}}
{{- define "jobyard.storeEgress" -}}
{{- if eq .Values.store.type "bundled" }}
- to:
    - podSelector:
        matchLabels:
          {{- include "jobyard.selector" (list . "store") | nindent 10 }}
  ports:
    - {protocol: TCP, port: 6379}
{{- else }}
- {{ with .Values.store.external.networkPolicyTo }}to:
    {{- toYaml . | nindent 4 }}
  {{ end }}ports:
    - {protocol: TCP, port: {{ include "jobyard.storePort" . }}}
    {{- $ports := list }}
    {{- range .Values.store.external.sentinel.addresses }}
    {{- $ports = append $ports (splitList ":" . | last) }}
    {{- end }}
    {{- range uniq $ports }}
    - {protocol: TCP, port: {{ . }}}
    {{- end }}
{{- end }}
{{- end }}

{{/* To the collector of traces, on its port. */}}
{{- define "jobyard.tracingEgress" -}}
{{- with .Values.tracing.endpoint }}
{{- $url := urlParse . }}
{{- $port := regexFind "[0-9]+$" (regexFind ":[0-9]+$" $url.host) | default (ternary "443" "80" (eq $url.scheme "https")) }}
- ports:
    - {protocol: TCP, port: {{ $port }}}
{{- end }}
{{- end }}

{{/* To the API server, behind its Service and at its own port. */}}
{{- define "jobyard.apiServerEgress" -}}
- ports:
    - {protocol: TCP, port: 443}
    - {protocol: TCP, port: 6443}
{{- end }}

{{/* What api, workers and scheduler send alike. */}}
{{- define "jobyard.commonEgress" -}}
{{ include "jobyard.dnsEgress" . }}
{{- include "jobyard.storeEgress" . }}
{{- include "jobyard.tracingEgress" . }}
{{- end }}

{{/* Prometheus, on the port of metrics and probes: (list $ port). */}}
{{- define "jobyard.metricsIngress" -}}
- from:
    {{- if (first .).Values.networkPolicy.metricsFrom }}
    {{- toYaml (first .).Values.networkPolicy.metricsFrom | nindent 4 }}
    {{- else }}
    - namespaceSelector: {}
    {{- end }}
  ports:
    - {protocol: TCP, port: {{ last . }}}
{{- end }}
