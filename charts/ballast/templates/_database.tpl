{{/* How a container reaches PostgreSQL. */}}

{{/* Where the certificate of the database's authority is mounted. */}}
{{- define "ballast.caFolder" -}}
/etc/ballast/database
{{- end }}

{{/* The URL without credentials. */}}
{{- define "ballast.databaseUrl" -}}
{{- $database := .Values.database -}}
{{- $parameters := dict "sslmode" $database.sslMode -}}
{{- if $database.ca.existingSecret -}}
{{- $_ := set $parameters "sslrootcert" (printf "%s/%s" (include "ballast.caFolder" .) $database.ca.key) -}}
{{- end -}}
{{- $pairs := list -}}
{{- range $key, $value := merge $parameters $database.parameters -}}
{{- $pairs = append $pairs (printf "%s=%s" (urlquery $key) (toString $value | urlquery)) -}}
{{- end -}}
postgres://{{ $database.host }}:{{ $database.port }}/{{ $database.name }}?{{ join "&" $pairs }}
{{- end }}

{{/* Environment with the store's URL. User and password are variables of their own, so that they
need no escapes. Takes the root and the name of the secret. */}}
{{- define "ballast.databaseEnv" -}}
{{- $database := .root.Values.database -}}
{{- if $database.urlKey -}}
- name: BALLAST_STORE
  valueFrom: {secretKeyRef: {name: {{ .secret }}, key: {{ $database.urlKey }}}}
{{- else -}}
- name: BALLAST_STORE
  value: {{ include "ballast.databaseUrl" .root | quote }}
- name: PGUSER
  valueFrom: {secretKeyRef: {name: {{ .secret }}, key: {{ $database.userKey }}}}
- name: PGPASSWORD
  valueFrom: {secretKeyRef: {name: {{ .secret }}, key: {{ $database.passwordKey }}}}
{{- end }}
{{- end }}

{{- define "ballast.caVolume" -}}
{{- with .Values.database.ca.existingSecret -}}
- name: database-ca
  secret: {secretName: {{ . }}}
{{- end }}
{{- end }}

{{- define "ballast.caMount" -}}
{{- if .Values.database.ca.existingSecret -}}
- {name: database-ca, mountPath: {{ include "ballast.caFolder" . }}, readOnly: true}
{{- end }}
{{- end }}
