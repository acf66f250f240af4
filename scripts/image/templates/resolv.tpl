{% if config_get("user.gateway", "") %}nameserver {{ config_get("user.gateway", "") }}
{% endif %}
