{{/* How a container reaches PostgreSQL. */}}

{{/* Where the certificate of the database's authority is mounted. */}}
{{- define "ballast.caFolder" -}}
/etc/ballast/database
{{- end }}

{{/* The URL without credentials. Takes the root and the host. */}}
{{- define "ballast.databaseUrl" -}}
{{- $database := .root.Values.database -}}
{{- $parameters := dict "sslmode" $database.sslMode -}}
{{- if $database.ca.existingSecret -}}
{{- $_ := set $parameters "sslrootcert" (printf "%s/%s" (include "ballast.caFolder" .root) $database.ca.key) -}}
{{- end -}}
{{- $pairs := list -}}
{{- range $key, $value := merge $parameters $database.parameters -}}
{{- $pairs = append $pairs (printf "%s=%s" (urlquery $key) (toString $value | urlquery)) -}}
{{- end -}}
postgres://{{ .host }}:{{ $database.port }}/{{ $database.name }}?{{ join "&" $pairs }}
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
  value: {{ include "ballast.databaseUrl" (dict "root" .root "host" $database.host) | quote }}
- name: PGUSER
  valueFrom: {secretKeyRef: {name: {{ .secret }}, key: {{ $database.userKey }}}}
- name: PGPASSWORD
  valueFrom: {secretKeyRef: {name: {{ .secret }}, key: {{ $database.passwordKey }}}}
{{- end }}
{{- end }}

{{/* Environment with the URL of the standby, if there is one; its credentials are those of the
primary or in the URL. */}}
{{- define "ballast.standbyEnv" -}}
{{- $database := .Values.database -}}
{{- if $database.standby.urlKey -}}
- name: BALLAST_READ_STORE
  valueFrom: {secretKeyRef: {name: {{ $database.existingSecret }}, key: {{ $database.standby.urlKey }}}}
{{- else if $database.standby.host -}}
- name: BALLAST_READ_STORE
  value: {{ include "ballast.databaseUrl" (dict "root" . "host" $database.standby.host) | quote }}
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
