{{/* Rules of egress. */}}

{{- define "ballast.egressToNames" -}}
- to:
    {{- toYaml .Values.networkPolicy.dns | nindent 4 }}
  ports:
    - {port: 53, protocol: UDP}
    - {port: 53, protocol: TCP}
{{- end }}

{{- define "ballast.egressToDatabase" -}}
- ports:
    - {port: {{ .Values.database.port }}, protocol: TCP}
  {{- with .Values.networkPolicy.database }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}

{{/* To the collector of traces, if there is one. */}}
{{- define "ballast.egressToCollector" -}}
{{- with (.Values.config.tracing | default dict).endpoint -}}
- ports:
    - {port: {{ regexFind ":[0-9]+$" (urlParse .).host | trimPrefix ":" | default "80" }}, protocol: TCP}
  {{- with $.Values.networkPolicy.collector }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}
{{- end }}
