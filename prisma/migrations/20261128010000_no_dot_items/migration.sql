-- Clients take dot segments out of an address (RFC 3986 §5.2.4): no item can be reached by such a name. Of the items that
-- are there the next migration takes care
ALTER TABLE "items" ADD CONSTRAINT "items_item_id_dots_check" CHECK ("item_id" !~ '^[.]+$') NOT VALID;
