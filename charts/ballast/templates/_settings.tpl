{{/* The settings file of the server. */}}

{{/* A map of scalars, lists and maps of these as TOML. JSON's spelling of scalars and lists is
TOML's; Helm's own toToml writes every whole number with a decimal point. */}}
{{- define "ballast.toml" -}}
{{- range $key, $value := . }}
{{- if not (or (kindIs "map" $value) (kindIs "invalid" $value)) }}
{{ $key }} = {{ toJson $value }}
{{- end }}
{{- end }}
{{- range $key, $value := . }}
{{- if kindIs "map" $value }}
[{{ $key }}]
{{- include "ballast.toml" $value }}
{{- end }}
{{- end }}
{{- end }}

{{- define "ballast.listen" -}}
{{ contains ":" .address | ternary (printf "[%s]" .address) .address }}:{{ .port }}
{{- end }}

{{- define "ballast.settings" -}}
{{- $server := .Values.server -}}
{{- $own := dict
  "listen" (include "ballast.listen" (dict "address" $server.bindAddress "port" $server.ports.grpc))
  "admin" (dict "listen" (include "ballast.listen" (dict "address" $server.bindAddress "port" $server.ports.admin)))
-}}
{{- if eq .Values.mode "standalone" -}}
{{- $_ := set $own "store" "sqlite:/var/lib/ballast/ballast.db" -}}
{{- $_ := set $own "create" .Values.persistence.create -}}
{{- end -}}
{{- include "ballast.toml" (merge $own .Values.config) | trim }}
{{- end }}
