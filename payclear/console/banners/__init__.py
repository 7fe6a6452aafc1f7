"""The console's page of banners on citizens' pages."""
