"""The parts of check_images: what can be wrong with images, and with what label files say of them."""
