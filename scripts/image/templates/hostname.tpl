{{ config_get("user.hostname", instance.name) }}
