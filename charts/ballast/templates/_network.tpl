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

{{/* The URLs of collectors, as words. */}}
{{- define "ballast.collectors" -}}
{{- range list .Values.config.tracing .Values.config.metrics .Values.config.log -}}
{{- with (. | default dict).endpoint }}{{ . }} {{ end -}}
{{- end -}}
{{- end }}

{{/* To the collectors of traces, metrics and log records, if there are any. */}}
{{- define "ballast.egressToCollector" -}}
{{- $ports := list -}}
{{- range splitList " " (include "ballast.collectors" . | trim) | compact -}}
{{- $ports = append $ports (regexFind ":[0-9]+$" (urlParse .).host | trimPrefix ":" | default "80") -}}
{{- end -}}
{{- with $ports -}}
- ports:
    {{- range uniq . }}
    - {port: {{ . }}, protocol: TCP}
    {{- end }}
  {{- with $.Values.networkPolicy.collector }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}
{{- end }}

{{/* To the identity provider that publishes its keys, if there is one. */}}
{{- define "ballast.egressToIssuer" -}}
{{- with (.Values.config.auth.jwt | default dict).keys_url -}}
- ports:
    - {port: {{ regexFind ":[0-9]+$" (urlParse .).host | trimPrefix ":" | default "443" }}, protocol: TCP}
  {{- with $.Values.networkPolicy.issuer }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}
{{- end }}
