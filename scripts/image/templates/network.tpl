[Match]
Name=eth0

[Network]
LinkLocalAddressing=no
IPv6AcceptRA=no
{% if config_get("user.address", "") %}Address={{ config_get("user.address", "") }}
{% if config_get("user.gateway", "") %}Gateway={{ config_get("user.gateway", "") }}
{% endif %}{% else %}DHCP=ipv4

[DHCPv4]
ClientIdentifier=mac
UseDomains=no
{% endif %}
