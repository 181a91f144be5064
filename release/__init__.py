"""How the product is put into technicians' hands: packages and images. Not a part of it."""
