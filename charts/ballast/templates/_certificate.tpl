{{/* The certificate that cert-manager makes for the servers. */}}

{{- define "ballast.certificateSecret" -}}
{{ .Values.certManager.secretName | default (printf "%s-tls" (include "ballast.fullname" .)) }}
{{- end }}

{{/* A folder and not a file of it, so that a renewed certificate appears in it. */}}
{{- define "ballast.certificateVolume" -}}
- name: certificate
  secret: {secretName: {{ include "ballast.certificateSecret" . }}}
{{- end }}

{{- define "ballast.certificateMount" -}}
- {name: certificate, mountPath: /etc/ballast/certificate, readOnly: true}
{{- end }}

{{/* For the chart's own clients: the authority without the servers' key. */}}
{{- define "ballast.authorityVolume" -}}
- name: authority
  secret: {secretName: {{ include "ballast.certificateSecret" . }}, items: [{key: ca.crt, path: ca.crt}]}
{{- end }}

{{- define "ballast.authorityMount" -}}
- {name: authority, mountPath: /etc/ballast/authority, readOnly: true}
{{- end }}

{{- define "ballast.authorityEnv" -}}
- {name: BALLAST_TLS_CA, value: /etc/ballast/authority/ca.crt}
{{- end }}
