{{/* A pod that runs the load lab against the API, as YAML. It writes to /tmp only. */}}
{{- define "jobyard.labPod" -}}
{{- $name := include "jobyard.fullname" . -}}
{{- include "jobyard.podSpec" (list . (dict "tolerations" .Values.api.tolerations "nodeSelector" .Values.api.nodeSelector) (include "jobyard.selector" (list . "loadtest")) (printf "%s-api" $name) false) }}
restartPolicy: Never
containers:
  - name: loadtest
    image: {{ include "jobyard.image" (list . .Values.loadtest.lab) }}
    imagePullPolicy: {{ .Values.image.pullPolicy }}
    {{- include "jobyard.containerSecurity" . | nindent 4 }}
    args:
      - run
      {{- range .Values.loadtest.lab.arguments }}
      - {{ . | quote }}
      {{- end }}
      - --url
      - http://{{ $name }}-api:{{ .Values.api.service.port }}{{ .Values.api.pathPrefix }}
      - --directory
      - /tmp/run
      - --log-report
    env:
      - name: JOBYARD_API_KEY
        valueFrom: {secretKeyRef: {name: {{ include "jobyard.secretName" . }}, key: {{ .Values.secret.bootstrapKey }}}}
    resources:
      {{- toYaml .Values.loadtest.lab.resources | nindent 6 }}
    volumeMounts:
      - {name: tmp, mountPath: /tmp}
volumes:
  - name: tmp
    emptyDir: {sizeLimit: 1Gi}
{{- end }}
