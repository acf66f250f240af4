instance-id: {{ instance.name }}
local-hostname: {{ config_get("user.hostname", instance.name) }}
